//! The bounds of the host's stack. They are measured, because `ulimit -s` and threads differ.

use std::cell::Cell;

/// Bytes of stack reserved below compiled code, for host functions and signal handlers; at most a
/// quarter of a small stack.
const HOST_BYTES: usize = 128 << 10;

/// The lowest address of a stack, and the address behind its highest.
#[derive(Clone, Copy)]
struct Bounds {
    low: usize,
    high: usize,
    floor: usize,
}

impl Bounds {
    fn new(low: usize, high: usize) -> Bounds {
        let floor = low + HOST_BYTES.min((high - low) / 4);
        Bounds { low, high, floor }
    }

    #[inline]
    fn contains(&self, address: usize) -> bool {
        (self.low..self.high).contains(&address)
    }
}

/// Of a thread that nobody has asked about: nothing lies in them.
const UNKNOWN: Bounds = Bounds {
    low: 0,
    high: 0,
    floor: 0,
};

thread_local! {
    static BOUNDS: Cell<Bounds> = const { Cell::new(UNKNOWN) };
}

/// The lowest address that compiled code may use on a stack that it enters at `stack`, with at most
/// `most` bytes.
///
/// On a stack that is not the thread's own, such as a coroutine's, only `most` applies: the
/// embedder knows its size.
#[inline]
pub(crate) fn limit(stack: usize, most: usize) -> usize {
    let wanted = stack.saturating_sub(most);
    let known = BOUNDS.get();
    if known.contains(stack) {
        return wanted.max(known.floor);
    }
    limit_of_another(stack, wanted)
}

/// As [`limit`], on a stack that is not known to be the thread's own.
#[cold]
fn limit_of_another(stack: usize, wanted: usize) -> usize {
    if BOUNDS.get().high == 0
        && let Some(found) = main_thread(stack).or_else(other_thread)
    {
        BOUNDS.set(found);
        if found.contains(stack) {
            return wanted.max(found.floor);
        }
    }
    wanted
}

/// The bounds of the main thread's stack, if `stack` is in it. The kernel grows it up to the limit.
fn main_thread(stack: usize) -> Option<Bounds> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` has room for the result. The auxiliary vector's entry is a NUL-terminated
    // string at the very top of the stack.
    let top = unsafe {
        if libc::getrlimit(libc::RLIMIT_STACK, &mut limit) != 0 {
            return None;
        }
        let name = libc::getauxval(libc::AT_EXECFN) as *const libc::c_char;
        if name.is_null() {
            return None;
        }
        name as usize + libc::strlen(name)
    };
    let high = top.next_multiple_of(4096);
    // Without a limit, a generous fixed size applies.
    let size = usize::try_from(limit.rlim_cur)
        .unwrap_or(usize::MAX)
        .min(1 << 30);
    let bounds = Bounds::new(high.saturating_sub(size), high);
    // The stacks of other threads are far below, beyond the limit.
    bounds.contains(stack).then_some(bounds)
}

/// The bounds of a thread that the process started.
fn other_thread() -> Option<Bounds> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut base, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the first call initialises the attributes, and they are destroyed after the second.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let found = libc::pthread_attr_getstack(attributes.as_ptr(), &mut base, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        (found == 0).then(|| Bounds::new(base as usize, base as usize + size))
    }
}
