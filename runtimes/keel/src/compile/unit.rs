//! A unit of compilation, and where units are compiled.

use cranelift_codegen::ir;

/// Where compilation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parallelism {
    Serial,
    Threads,
}

/// A function to compile, and afterwards what its code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A body, by function index.
    Body(u32),
    /// The thunk through which an imported function is called as one of the module's own.
    Import(u32),
    /// The thunk from WebAssembly to a host function, for an imported function.
    Host(u32),
    /// The thunk from native code to functions of a canonical type.
    Entry(u32),
}

/// A unit's code, before it has a place.
pub(super) struct CompiledUnit {
    pub(super) unit: Unit,
    pub(super) code: Vec<u8>,
    pub(super) alignment: u32,
    /// Offset, addend, and what is referred to: namespace and index.
    pub(super) relocations: Vec<(u32, i64, ir::UserExternalName)>,
    /// Offset, kind, offset in the module.
    pub(super) traps: Vec<(u32, u8, u32)>,
    /// Return address, offset in the module.
    pub(super) calls: Vec<(u32, u32)>,
    /// Return address, handler, bytes from the frame pointer down to the stack pointer.
    pub(super) handlers: Vec<(u32, u32, u32)>,
}
