//! Reads and writes the fields of an instance's context. [`layout`](crate::module::layout) defines
//! their offsets.

use std::ptr::NonNull;

use crate::module::layout;
use crate::types::ValType;

/// The address right behind an instance's context, which compiled code keeps in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Context(NonNull<u8>);

/// The address of a memory or table and its length: bytes of a memory, elements of a table.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Definition {
    pub(crate) base: *mut u8,
    pub(crate) length: u64,
}

/// An imported function's entry in a context.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct FunctionImport {
    pub(crate) code: *const u8,
    /// The context that the code expects.
    pub(crate) context: *mut u8,
    /// The host function; `None` for a WebAssembly function.
    pub(crate) host: Option<NonNull<()>>,
    pub(crate) environment: *const (),
}

/// What a host function returns to the thunk that called it, in two registers.
///
/// A thunk passes the environment, the caller's context and an array that holds the arguments and has room for
/// the results; then the arguments once more, by the C convention, unless a vector is among them. A function
/// takes them where it likes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Returned {
    /// Zero, or anything else after an error was left in the store.
    pub(crate) failed: u64,
    /// The bits of the only result. Several, and a vector, are in the array.
    pub(crate) value: u64,
}

/// Whether a single value of a type fits [`Returned`], and an argument of it a register of the C convention.
pub(crate) const fn in_register(ty: ValType) -> bool {
    !matches!(ty, ValType::V128)
}

/// The target of a function reference.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct FunctionRecord {
    pub(crate) code: *const u8,
    pub(crate) context: Context,
    pub(crate) ty: u64,
}

/// A value passed between host and code.
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
    /// `pointer` is the address right behind an instance's context.
    pub(crate) unsafe fn new(pointer: NonNull<u8>) -> Context {
        Context(pointer)
    }

    #[inline]
    pub(crate) fn as_ptr(self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// The address of the field at `offset`.
    #[inline]
    pub(crate) fn field<T>(self, offset: i32) -> *mut T {
        self.0.as_ptr().wrapping_offset(offset as isize).cast()
    }

    /// # Safety
    /// There is an initialised field of this type at `offset`.
    #[inline]
    pub(crate) unsafe fn read<T: Copy>(self, offset: i32) -> T {
        // SAFETY: the caller guarantees it.
        unsafe { self.field::<T>(offset).read() }
    }

    /// # Safety
    /// There is room for a field of this type at `offset`.
    pub(crate) unsafe fn write<T>(self, offset: i32, value: T) {
        // SAFETY: the caller guarantees it.
        unsafe { self.field::<T>(offset).write(value) }
    }

    /// The store of the instance.
    #[inline]
    pub(crate) fn store(self) -> *mut super::store::StoreContext {
        // SAFETY: instantiation wrote the field before anything else had the context.
        unsafe { self.read(layout::STORE) }
    }

    /// The instance's data.
    pub(crate) fn instance(self) -> *mut super::instance::InstanceData {
        // SAFETY: instantiation wrote the field before anything else had the context.
        unsafe { self.read(layout::INSTANCE) }
    }
}
