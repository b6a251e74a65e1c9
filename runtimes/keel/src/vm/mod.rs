//! The machinery under an instance: contexts, memories, code, traps. All unsafe code is here and in the
//! thin layers that call it.

pub(crate) mod libcalls;

/// Bytes reserved for the indices of a 32-bit memory.
pub(crate) const MEMORY_RESERVE_BYTES: u64 = 4 << 30;
/// Bytes behind the reservation that always fault, for the offsets of accesses.
pub(crate) const MEMORY_GUARD_BYTES: u64 = 32 << 20;
