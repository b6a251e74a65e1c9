//! Throws exceptions and finds their handlers.
//!
//! An exception is an object in the store's heap: its tag's address, then its values. A call in a
//! `try_table` has a handler, which the compiler recorded with the call's return address. A throw
//! follows the frame pointers to the innermost such call and continues in its handler. The handler
//! compares tags by address, and throws again what it does not catch. At a host frame, the
//! exception leaves as the error of the call; a host function that returns this error throws it
//! again.

use std::arch::naked_asm;

use super::call::{self, Stop};
use super::context::Context;
use super::heap::Heap;
use crate::error::Error;
use crate::exception::ExnRef;
use crate::trap::TrapKind;
use crate::types::FuncType;
use crate::types::layout::exception_layout;
use crate::types::registry::Registry;

/// A tag, identified by its address.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct TagRecord {
    /// The header of its exceptions.
    pub(crate) header: u32,
    reserved: u32,
    /// The number of its type.
    pub(crate) ty: u64,
}

impl TagRecord {
    /// Creates a tag of a type, and registers its exceptions with the heap.
    pub(crate) fn new(heap: &mut Heap, ty: &FuncType, number: u64, types: &Registry) -> TagRecord {
        let (bytes, places) = exception_layout(ty, |id| types.is_function(id));
        TagRecord {
            header: heap.know_exception(bytes, &places),
            reserved: 0,
            ty: number,
        }
    }
}

/// Throws an exception. Passes its caller's frame pointer to [`throw_from`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn throw(_context: Context, _exception: u64) -> u32 {
    naked_asm!("mov rdx, rbp", "jmp {throw}", throw = sym throw_from)
}

unsafe extern "C" fn throw_from(context: Context, exception: u64, frame: usize) -> ! {
    // SAFETY: compiled code called this, so there is an activation and the store is alive. No value
    // with a destructor is live when the function leaves.
    unsafe {
        let store = context.store();
        if (*store).is_overdue() {
            let activation = &mut *call::current();
            activation.stop = Stop::Trap(TrapKind::Interrupted);
            activation.walk(None, frame);
            call::leave(activation.stack());
        }
        go_on(exception as u32, frame);
        (*store).error = Some(Error::Exception(ExnRef::keep(exception as u32, &*store)));
        let activation = &mut *call::current();
        activation.stop = Stop::Raised;
        activation.walk(None, frame);
        call::leave(activation.stack())
    }
}

/// Rethrows the exception that a host function failed with, if any. Returns if nothing catches it.
///
/// # Safety
/// Compiled code called the runtime, and `frame` is the compiled code's frame pointer.
pub(super) unsafe fn rethrow(frame: usize) {
    // SAFETY: the caller guarantees it. No value with a destructor is live when the handler
    // continues.
    unsafe {
        let store = (*call::current()).store;
        let exception = match (&(*store).error, &(*store).panic) {
            (Some(Error::Exception(exception)), None) => *exception,
            _ => return,
        };
        if exception.check(&*store).is_err() || find(frame).is_none() {
            return;
        }
        (*store).error = None;
        exception.forget(&*store);
        go_on(exception.reference(), frame);
    }
}

/// The innermost handler, with its stack pointer and frame pointer.
///
/// # Safety
/// As [`rethrow`].
unsafe fn find(frame: usize) -> Option<(*const u8, usize, usize)> {
    // SAFETY: the caller guarantees it.
    let found = unsafe {
        let activation = &*call::current();
        activation.find(frame, |address| (*activation.store).handler_at(address))
    };
    found.map(|((handler, size), frame)| (handler, frame - size, frame))
}

/// Continues in the innermost handler; returns if there is none.
///
/// # Safety
/// As [`rethrow`].
unsafe fn go_on(exception: u32, frame: usize) {
    // SAFETY: the frames in between belong to compiled code, and to runtime functions without live
    // destructors.
    unsafe {
        if let Some((handler, stack, frame)) = find(frame) {
            enter_handler(handler, stack, frame, exception.into());
        }
    }
}

/// Continues in a handler, which takes the exception in its first result register.
///
/// # Safety
/// The handler belongs to the function with this frame pointer, and `stack` is that function's
/// stack pointer.
#[unsafe(naked)]
unsafe extern "C" fn enter_handler(
    handler: *const u8,
    stack: usize,
    frame: usize,
    exception: u64,
) -> ! {
    naked_asm!(
        "mov rsp, rsi",
        "mov rbp, rdx",
        "mov rax, rcx",
        "xor edx, edx",
        "jmp rdi",
    )
}
