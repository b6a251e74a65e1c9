//! What compiled code calls the runtime for.

/// The functions of the runtime, by their place in the table that every context points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Libcall {
    MemoryGrow,
    MemoryFill,
    MemoryCopy,
    MemoryInit,
    TableGrow,
    TableFill,
    TableCopy,
    TableInit,
    /// Leaves WebAssembly code with the error that a host function has left in the store.
    Raise,
}
