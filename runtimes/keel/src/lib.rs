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
pub mod command;
#[cfg(feature = "compiler")]
mod compile;
mod engine;
mod error;
mod externs;
mod func;
mod host;
#[cfg(feature = "compiler")]
mod inspect;
mod instance;
mod linker;
mod module;
mod store;
mod trap;
mod types;
mod value;
mod vm;
#[forbid(unsafe_code)]
pub mod wasi;
#[cfg(feature = "wast")]
pub mod wast;

pub use artifact::ArtifactError;
pub use engine::{Config, Engine, Fuel, Language};
pub use error::{Error, Result};
pub use externs::{Extern, Global, Memory, Table};
pub use func::{Func, TypedFunc};
pub use host::{Caller, HostResult, IntoFunc};
#[cfg(feature = "compiler")]
pub use inspect::Inspection;
pub use instance::Instance;
pub use linker::{InstancePre, Linker, Shadowing};
pub use module::Module;
pub use store::{AsContext, AsContextMut, InterruptHandle, Limits, Store};
pub use trap::{Frame, Trap, TrapKind};
pub use types::{ExternType, FuncType, GlobalType, MemoryType, Mutability, TableType, ValType};
pub use value::{ExternRef, Val, WasmTy, WasmTypes};
