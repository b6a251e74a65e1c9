//! From the host into compiled code and back, by return or by trap.

use std::arch::naked_asm;
use std::cell::Cell;
use std::mem::MaybeUninit;

use super::context::{Context, Value};
use super::store::StoreContext;
use crate::trap::TrapKind;

/// How many frames a backtrace keeps.
pub(crate) const MAX_FRAMES: usize = 64;

/// A call from the host into compiled code that has not come back.
#[repr(C)]
pub(crate) struct Activation {
    /// The stack pointer to go back to.
    stack: usize,
    previous: *mut Activation,
    pub(crate) store: *mut StoreContext,
    /// Why and where code stopped, where it did.
    pub(crate) stop: Stop,
    pub(crate) frame_count: usize,
    pub(crate) frames: [MaybeUninit<usize>; MAX_FRAMES],
}

/// How an activation ended other than by returning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Trap(TrapKind),
    /// The store holds the error.
    Raised,
}

thread_local! {
    static CURRENT: Cell<*mut Activation> = const { Cell::new(std::ptr::null_mut()) };
}

/// The innermost activation of this thread, or null.
pub(crate) fn current() -> *mut Activation {
    CURRENT.get()
}

/// The highest stack pointer at which the host has entered code of a store, in the calls of this thread
/// that have not come back; zero if there is none.
pub(crate) fn outermost_stack(store: *const StoreContext) -> usize {
    let (mut activation, mut stack) = (current(), 0);
    while !activation.is_null() {
        // SAFETY: an activation lives on the stack until its call has come back.
        let at = unsafe { &*activation };
        if std::ptr::eq(at.store, store) {
            stack = stack.max(at.stack);
        }
        activation = at.previous;
    }
    stack
}

impl Activation {
    /// The return addresses that were on the stack, innermost first; the first one is the place
    /// itself for a trap.
    pub(crate) fn frames(&self) -> &[usize] {
        // SAFETY: `walk` wrote the first `frame_count`.
        unsafe { std::slice::from_raw_parts(self.frames.as_ptr().cast(), self.frame_count) }
    }

    /// Follows the frame pointers from `frame` up to this activation.
    ///
    /// # Safety
    /// `frame` is a frame pointer of code under this activation, on this thread's stack.
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
        // Frames only ever lie further up, and below where the host entered.
        while frame > lowest && frame < self.stack && frame.is_multiple_of(8) {
            // SAFETY: between the present stack pointer and the host's frame, so it is mapped stack.
            let (next, address) =
                unsafe { (*(frame as *const usize), *(frame as *const usize).add(1)) };
            if !note(address) {
                break;
            }
            (lowest, frame) = (frame, next);
        }
    }

    /// Follows the frame pointers from `frame` up to the first call that `find` knows a place for, given
    /// the return address: what it found, and the frame pointer of the function that called.
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

    /// The stack pointer at which the host entered.
    pub(crate) fn stack(&self) -> usize {
        self.stack
    }
}

/// Calls `code`, a function of the type that `entry` is made for, with the arguments in `values`, which
/// holds the results afterwards. `Err` is the activation of a call that stopped.
///
/// # Safety
/// `entry`, `code`, `context` belong together, are alive, and `values` has room for the arguments and
/// for the results of the function's type. Everything compiled code can reach is sound.
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
    // SAFETY: the caller vouches for what is called; `enter` saves and restores every register that
    // the host's calling convention says is kept, also when the call stops.
    let stops = unsafe { enter(entry, context.as_ptr(), code, values, pointer) };
    CURRENT.set(activation.previous);
    if stops == 0 {
        Ok(())
    } else {
        Err(stopped(&activation))
    }
}

/// Calls `entry(context, code, values)`, having noted in the activation how to leave early.
/// Zero after a return, one after [`leave`].
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

/// Leaves compiled code for the host: what lies between is forgotten, so it must be compiled code
/// alone, and a frame without destructors.
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
