//! Units of compilation, and whether they are compiled in parallel.

use cranelift_codegen::ir;

/// Whether compilation uses several threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parallelism {
    Serial,
    Threads,
}

/// A function to compile, which also identifies its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A body, by function index.
    Body(u32),
    /// The thunk that wraps an imported function as one of the module's own, by import.
    Import(u32),
    /// The thunk from WebAssembly to a host function, by import.
    Host(u32),
    /// The thunk from native code to functions of a canonical type, by type.
    Entry(u32),
}

/// A unit's code before linking.
pub(super) struct CompiledUnit {
    pub(super) unit: Unit,
    pub(super) code: Vec<u8>,
    pub(super) alignment: u32,
    /// Offset, addend, and target: namespace and index.
    pub(super) relocations: Vec<(u32, i64, ir::UserExternalName)>,
    /// Offset, kind, offset in the module.
    pub(super) traps: Vec<(u32, u8, u32)>,
    /// Return address, offset in the module.
    pub(super) calls: Vec<(u32, u32)>,
    /// Return address, handler, bytes from the frame pointer down to the stack pointer.
    pub(super) handlers: Vec<(u32, u32, u32)>,
}
