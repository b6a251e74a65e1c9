//! Calls from the host into compiled code, and ways back: return and trap.

use std::arch::naked_asm;
use std::cell::Cell;
use std::mem::MaybeUninit;

use super::context::{Context, Value};
use super::store::StoreContext;
use crate::trap::TrapKind;

/// The maximum number of frames in a backtrace.
pub(crate) const MAX_FRAMES: usize = 64;

/// A call from the host into compiled code that has not returned.
#[repr(C)]
pub(crate) struct Activation {
    /// The host's stack pointer, to restore on a trap.
    stack: usize,
    previous: *mut Activation,
    pub(crate) store: *mut StoreContext,
    /// Why the call stopped, if it did not return.
    pub(crate) stop: Stop,
    pub(crate) frame_count: usize,
    pub(crate) frames: [MaybeUninit<usize>; MAX_FRAMES],
}

/// Why an activation ended without a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Trap(TrapKind),
    /// The store has the error.
    Raised,
}

thread_local! {
    static CURRENT: Cell<*mut Activation> = const { Cell::new(std::ptr::null_mut()) };
}

/// The innermost activation of this thread; null if there is none.
pub(crate) fn current() -> *mut Activation {
    CURRENT.get()
}

/// The highest stack pointer at which the host entered code of `store`, among this thread's
/// unfinished calls; zero if there are none.
pub(crate) fn outermost_stack(store: *const StoreContext) -> usize {
    let (mut activation, mut stack) = (current(), 0);
    while !activation.is_null() {
        // SAFETY: an activation lives on the stack until its call has returned.
        let at = unsafe { &*activation };
        if std::ptr::eq(at.store, store) {
            stack = stack.max(at.stack);
        }
        activation = at.previous;
    }
    stack
}

impl Activation {
    /// The return addresses on the stack, innermost first. For a trap, the first is the trapping
    /// instruction.
    pub(crate) fn frames(&self) -> &[usize] {
        // SAFETY: `walk` wrote the first `frame_count` entries.
        unsafe { std::slice::from_raw_parts(self.frames.as_ptr().cast(), self.frame_count) }
    }

    /// Records the return addresses from `frame` up to this activation.
    ///
    /// # Safety
    /// `frame` is a frame pointer of code called by this activation, on this thread's stack.
    pub(crate) unsafe fn walk(&mut self, place: Option<usize>, mut frame: usize) {
        self.frame_count = 0;
        let mut note = |address: usize| {
            if self.frame_count < MAX_FRAMES {
                self.frames[self.frame_count].write(address);
                self.frame_count += 1;
            }
            self.frame_count < MAX_FRAMES
        };
        if let Some(place) = place {
            note(place);
        }
        let mut lowest = 0;
        // Frame pointers only ever increase, and stay below the host's frame.
        while frame > lowest && frame < self.stack && frame.is_multiple_of(8) {
            // SAFETY: `frame` starts in code of this activation, and each step goes up and stays
            // below the host's frame, so this is mapped stack.
            let (next, address) =
                unsafe { (*(frame as *const usize), *(frame as *const usize).add(1)) };
            if !note(address) {
                break;
            }
            (lowest, frame) = (frame, next);
        }
    }

    /// Follows the frame pointers from `frame` up to the first call for which `find`, given its
    /// return address, returns a value. Returns that value and the frame pointer of the calling
    /// function.
    ///
    /// # Safety
    /// As [`Activation::walk`].
    pub(crate) unsafe fn find<T>(
        &self,
        mut frame: usize,
        find: impl Fn(usize) -> Option<T>,
    ) -> Option<(T, usize)> {
        let mut lowest = 0;
        while frame > lowest && frame < self.stack && frame.is_multiple_of(8) {
            // SAFETY: as in `walk`.
            let (next, address) =
                unsafe { (*(frame as *const usize), *(frame as *const usize).add(1)) };
            if let Some(found) = find(address) {
                return Some((found, next));
            }
            (lowest, frame) = (frame, next);
        }
        None
    }

    /// The stack pointer at which the host entered code.
    pub(crate) fn stack(&self) -> usize {
        self.stack
    }
}

/// Calls `code` through `entry`, a thunk for its type, with the arguments in `values`. Afterwards
/// `values` has the results. For a call that stopped, `Err` has the result of `stopped`.
///
/// # Safety
/// `entry`, `code` and `context` belong together and are alive. `values` has room for the arguments
/// and for the results of the function's type. Everything that compiled code can reach is sound.
#[inline]
pub(crate) unsafe fn call<R>(
    store: *mut StoreContext,
    entry: *const u8,
    code: *const u8,
    context: Context,
    values: *mut Value,
    stopped: impl FnOnce(&Activation) -> R,
) -> Result<(), R> {
    let mut activation = Activation {
        stack: 0,
        previous: CURRENT.get(),
        store,
        stop: Stop::Raised,
        frame_count: 0,
        frames: [MaybeUninit::uninit(); MAX_FRAMES],
    };
    let pointer = &raw mut activation;
    CURRENT.set(pointer);
    // SAFETY: the caller guarantees that the call is sound. `enter` saves and restores all
    // callee-saved registers, even if the call stops.
    let stops = unsafe { enter(entry, context.as_ptr(), code, values, pointer) };
    CURRENT.set(activation.previous);
    if stops == 0 {
        Ok(())
    } else {
        Err(stopped(&activation))
    }
}

/// Calls `entry(context, code, values)` after storing the stack pointer in the activation. Returns
/// zero after a return, one after [`leave`].
#[unsafe(naked)]
unsafe extern "C" fn enter(
    entry: *const u8,
    context: *mut u8,
    code: *const u8,
    values: *mut Value,
    activation: *mut Activation,
) -> u32 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [r8], rsp",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "call rax",
        "xor eax, eax",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Leaves compiled code and returns from [`enter`]. The frames in between are dropped: they must
/// belong to compiled code, or to functions without pending destructors.
///
/// # Safety
/// `stack` is the stack pointer of this thread's innermost activation.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn leave(stack: usize) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "mov eax, 1",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}
