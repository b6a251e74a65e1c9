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
}

thread_local! {
    static BOUNDS: Cell<Option<Bounds>> = const { Cell::new(None) };
}

/// The lowest address that compiled code may use on a stack that it enters at `stack`, with at most
/// `most` bytes.
///
/// On a stack that is not the thread's own, such as a coroutine's, only `most` applies: the
/// embedder knows its size.
pub(crate) fn limit(stack: usize, most: usize) -> usize {
    let wanted = stack.saturating_sub(most);
    let known = BOUNDS.get().or_else(|| {
        let found = main_thread(stack).or_else(other_thread);
        BOUNDS.set(found);
        found
    });
    match known {
        Some(Bounds { low, high }) if (low..high).contains(&stack) => {
            let reserve = HOST_BYTES.min((high - low) / 4);
            wanted.max(low + reserve)
        }
        _ => wanted,
    }
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
    let low = high.saturating_sub(size);
    // The stacks of other threads are far below, beyond the limit.
    (low..high).contains(&stack).then_some(Bounds { low, high })
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
        (found == 0).then(|| Bounds {
            low: base as usize,
            high: base as usize + size,
        })
    }
}
