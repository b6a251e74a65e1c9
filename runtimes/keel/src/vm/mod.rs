//! The implementation of instances: contexts, memories, tables, calls and traps. Unsafe code is
//! here and in the thin layer above that calls it.

pub(crate) mod budget;
pub(crate) mod call;
pub(crate) mod context;
pub(crate) mod exception;
pub(crate) mod heap;
pub(crate) mod instance;
pub(crate) mod libcalls;
pub(crate) mod memory;
mod objects;
mod pagemap;
mod parking;
mod roots;
pub(crate) mod shared;
pub(crate) mod signal;
pub(crate) mod slot;
pub(crate) mod stack;
pub(crate) mod store;
pub(crate) mod table;
pub(crate) mod timer;

/// The address space for the indices of a 32-bit memory, bytes.
pub(crate) const MEMORY_RESERVE_BYTES: u64 = 4 << 30;
/// The inaccessible address space after it, for the offsets of accesses, bytes.
pub(crate) const MEMORY_GUARD_BYTES: u64 = 32 << 20;
