//! How far down the host's stack reaches: measured, since `ulimit -s` and threads differ.

use std::cell::Cell;

/// Bytes of stack below compiled code's that host functions and a signal's handler have, where there are as
/// many; of a small stack, a quarter.
const HOST_BYTES: usize = 128 << 10;

/// A stack's lowest address, the one behind its highest, and how low compiled code may go.
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

/// How low compiled code's stack may reach that starts at `stack` and may have `most` bytes.
///
/// On a stack that is not its thread's own, as a coroutine's, only `most` counts: its embedder knows.
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

/// The process's first stack, if `stack` is in it. The kernel lets it grow as far as the limit says.
fn main_thread(stack: usize) -> Option<Bounds> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: room for the answer; the auxiliary vector's entry is a string at the stack's very top.
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
    // Without a limit, as much as a process may have by default.
    let size = usize::try_from(limit.rlim_cur)
        .unwrap_or(usize::MAX)
        .min(1 << 30);
    let bounds = Bounds::new(high.saturating_sub(size), high);
    // Others' stacks lie far below, a limit away.
    bounds.contains(stack).then_some(bounds)
}

/// The stack of a thread that the process started.
fn other_thread() -> Option<Bounds> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut base, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call, and freed after the second.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let found = libc::pthread_attr_getstack(attributes.as_ptr(), &mut base, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        (found == 0).then(|| Bounds::new(base as usize, base as usize + size))
    }
}
