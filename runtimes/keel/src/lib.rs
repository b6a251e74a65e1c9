//! keel: a WebAssembly runtime on Cranelift that starts first.
//!
//! # Layout
//! - [`module`](crate::Module): decode, validate, describe
//! - `compile`: WebAssembly to CLIF to machine code
//! - `artifact`: the `.keel` file, mapped and run
//! - `vm`: contexts, memories, tables, traps: what lies under an instance

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("keel runs on x86-64 Linux only");

mod artifact;
#[cfg(feature = "compiler")]
mod compile;
mod error;
mod module;
mod trap;
mod types;
mod vm;

pub use artifact::ArtifactError;
pub use error::{Error, Result};
pub use trap::{Frame, Trap, TrapKind};
pub use types::{
    ExternType, FuncType, GlobalType, MemoryType, Mutability, TableType, ValType,
};
