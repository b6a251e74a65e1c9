//! An instance's context: reading and writing the fields that [`layout`](crate::module::layout) places.

use std::ptr::NonNull;

use crate::module::layout;

/// The address right behind an instance's context, which compiled code carries in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Context(NonNull<u8>);

/// Where a memory or table is and how long: bytes of a memory, elements of a table.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Definition {
    pub(crate) base: *mut u8,
    pub(crate) length: u64,
}

/// What an imported function's entry says.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct FunctionImport {
    pub(crate) code: *const u8,
    /// What the code takes as its context.
    pub(crate) context: *mut u8,
    /// The host function, where it is one.
    pub(crate) host: Option<HostCall>,
    pub(crate) environment: *const (),
}

/// A host function as the thunks call it: environment, the caller's context, arguments and results.
/// It returns zero, or anything else after it has left an error in the store.
pub(crate) type HostCall = unsafe extern "C" fn(*const (), Context, *mut Value) -> u32;

/// What a function reference points to.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct FunctionRecord {
    pub(crate) code: *const u8,
    pub(crate) context: Context,
    pub(crate) ty: u64,
}

/// A value between host and code.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) union Value {
    pub(crate) i32: i32,
    pub(crate) i64: i64,
    pub(crate) f32: u32,
    pub(crate) f64: u64,
    pub(crate) v128: u128,
    pub(crate) reference: usize,
}

impl Value {
    pub(crate) const ZERO: Value = Value { v128: 0 };
}

impl Context {
    /// # Safety
    /// `pointer` points right behind an instance's context.
    pub(crate) unsafe fn new(pointer: NonNull<u8>) -> Context {
        Context(pointer)
    }

    pub(crate) fn as_ptr(self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// The address of the field at `offset`.
    pub(crate) fn field<T>(self, offset: i32) -> *mut T {
        self.0.as_ptr().wrapping_offset(offset as isize).cast()
    }

    /// # Safety
    /// There is a field of this type at `offset`, and it has been written.
    pub(crate) unsafe fn read<T: Copy>(self, offset: i32) -> T {
        // SAFETY: as the caller promises.
        unsafe { self.field::<T>(offset).read() }
    }

    /// # Safety
    /// There is room for a field of this type at `offset`.
    pub(crate) unsafe fn write<T>(self, offset: i32, value: T) {
        // SAFETY: as the caller promises.
        unsafe { self.field::<T>(offset).write(value) }
    }

    /// The store that the instance lives in.
    pub(crate) fn store(self) -> *mut super::store::StoreContext {
        // SAFETY: written when the context was made.
        unsafe { self.read(layout::STORE) }
    }

    /// The instance.
    pub(crate) fn instance(self) -> *mut super::instance::InstanceData {
        // SAFETY: written when the context was made.
        unsafe { self.read(layout::INSTANCE) }
    }
}
