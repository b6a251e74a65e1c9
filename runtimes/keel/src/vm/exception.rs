//! Exceptions on their way: from where they are thrown to where they are caught.
//!
//! An exception is an object of the store's heap: its tag's address, then its values. A call in a
//! `try_table` has a handler, which compiled code has noted by the call's return address; what is thrown
//! goes on in the handler of the innermost such call, found by following the frame pointers. The handler
//! itself compares tags, by address, and throws again what it does not catch. Where the host lies between,
//! the exception leaves as an error of the call, and a host function that fails with it throws it again.

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

/// A tag: its address tells it from all others.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct TagRecord {
    /// What the header of its exceptions says.
    pub(crate) header: u32,
    reserved: u32,
    /// The number of its type.
    pub(crate) ty: u64,
}

impl TagRecord {
    /// A tag of a type, known to the heap that its exceptions are in.
    pub(crate) fn new(heap: &mut Heap, ty: &FuncType, number: u64, types: &Registry) -> TagRecord {
        let (bytes, places) = exception_layout(ty, |id| types.is_function(id));
        TagRecord {
            header: heap.know_exception(bytes, &places),
            reserved: 0,
            ty: number,
        }
    }
}

/// Throws an exception. It hands on its caller's frame pointer.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn throw(_context: Context, _exception: u64) -> u32 {
    naked_asm!("mov rdx, rbp", "jmp {throw}", throw = sym throw_from)
}

unsafe extern "C" fn throw_from(context: Context, exception: u64, frame: usize) -> ! {
    // SAFETY: compiled code called, so there is an activation, and the store is alive.
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

/// Throws the exception that a host function failed with, if it did; returns if nothing catches it.
///
/// # Safety
/// Compiled code has called the runtime; `frame` is its frame pointer.
pub(super) unsafe fn rethrow(frame: usize) {
    // SAFETY: as the caller promises; no value with a destructor lives when the handler goes on.
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

/// Where the innermost handler is, with the stack and the frame pointer that it needs.
///
/// # Safety
/// As [`rethrow`].
unsafe fn find(frame: usize) -> Option<(*const u8, usize, usize)> {
    // SAFETY: as the caller promises.
    let found = unsafe {
        let activation = &*call::current();
        activation.find(frame, |address| (*activation.store).handler_at(address))
    };
    found.map(|((handler, size), frame)| (handler, frame - size, frame))
}

/// Goes on in the innermost handler; returns if there is none.
///
/// # Safety
/// As [`rethrow`].
unsafe fn go_on(exception: u32, frame: usize) {
    // SAFETY: what lies between is compiled code and functions of the runtime without destructors.
    unsafe {
        if let Some((handler, stack, frame)) = find(frame) {
            enter_handler(handler, stack, frame, exception.into());
        }
    }
}

/// Goes on in a handler, which takes the exception in the first of its registers.
///
/// # Safety
/// The handler is of the function with that frame, and the stack pointer as far below it as there.
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
