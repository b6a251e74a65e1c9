//! keel: a WebAssembly runtime on Cranelift that starts first.
//!
//! An [`Engine`] has the settings, a [`Module`] the code, a [`Store`] the instances and the
//! embedder's data, and a [`Linker`] the definitions of imports. An [`Instance`] is a module in a
//! store. For calls, start with [`Func`]; for host functions, [`Caller`]. [`wasi`] provides WASI to
//! guests, and [`command`] runs whole programs.
//!
//! keel supports WebAssembly 2.0 with vectors, and the proposals in [`Features::default`], each of
//! which can be switched. It rejects other features with [`Error::Unsupported`], which names the
//! feature. It runs on x86-64 Linux, with SSE 4.1 or later.
//!
//! # Quick start
//! ```
//! # #[cfg(feature = "wat")] {
//! use keel::{Engine, Linker, Module, Store};
//!
//! # fn main() -> keel::Result<()> {
//! let engine = Engine::default();
//! let module = Module::new(&engine, br#"(module
//!     (import "host" "double" (func $double (param i32) (result i32)))
//!     (func (export "run") (param i32) (result i32)
//!         (i32.add (call $double (local.get 0)) (i32.const 2))))"#)?;
//! let mut linker = Linker::<()>::new(&engine);
//! linker.func_wrap("host", "double", |_: keel::Caller<'_, ()>, n: i32| n * 2)?;
//! let mut store = Store::new(&engine, ());
//! let instance = linker.instantiate(&mut store, &module)?;
//! let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
//! assert_eq!(run.call(&mut store, 20)?, 42);
//! # Ok(())
//! # }
//! # main().unwrap();
//! # }
//! ```
//! For an untrusted module, set [`Limits`], a timeout ([`Store::set_timeout`]) or fuel
//! ([`Config::fuel`]). `docs/TRUST.md` describes what keel defends against and what it does not.
//!
//! # How a module starts
//! Every module is compiled to an *artefact* (`artifact`), even if it is never saved to a file.
//! Starting it maps the artefact: code is position-independent, tables that are never written are
//! constant data beside the code, and initial memory is mapped copy-on-write. An instance takes a
//! *slot* (`vm::slot`): one reservation with its context, memory 0 and a guard region. A register
//! holds the address between context and memory. Memory accesses need no look-up and no bounds
//! check, because 4 GiB and a guard are reserved, and inaccessible pages fault. To reuse a slot,
//! keel restores only the pages that were written.
//!
//! # Structures and arrays
//! A module that uses such types has an object heap (`vm::heap`), one per store, with a
//! mark-and-sweep collector. Compiled code allocates and accesses objects itself; references are
//! 32-bit offsets. An engine gives each distinct type one number, however many modules define it
//! (`types::registry`).
//!
//! # How code stops
//! A trap is a fault or an illegal instruction at an address that the compiler recorded. The signal
//! handler (`vm::signal`) jumps straight to the host, because compiled code owns nothing that needs
//! cleanup. For a timeout or an [`InterruptHandle`], a thread sends a signal to the thread that
//! runs the code, so interruptible code is no slower. Every function checks its stack on entry.
//!
//! # Layout
//! - `module`: decode, validate, describe; `module::layout`: the fields of a context
//! - `compile`: scan, translate (one file per operator family), thunks, link
//! - `artifact`: the `.keel` file: `format` specifies it, `fingerprint` identifies compiler and target
//! - `cache`: a folder of artefacts, by digest
//! - `vm`: contexts, slots, memories, tables, calls, signals, timers: most of the unsafe code
//! - `engine`, `store`, `linker`, `instantiate`, `instance`, `func`, `host`, `externs`, `value`, `anyref`: the API
//! - `wasi`, `command`: WASI preview 1 and programs that use it; `wast`: the specification's test scripts

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("keel runs on x86-64 Linux only");

mod anyref;
mod artifact;
#[cfg(feature = "cache")]
mod cache;
pub mod command;
#[cfg(feature = "compiler")]
mod compile;
mod cpu;
mod engine;
mod error;
mod exception;
mod externs;
mod func;
mod host;
#[cfg(feature = "compiler")]
mod inspect;
mod instance;
mod instantiate;
mod kept;
mod limits;
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
#[cfg(feature = "compiler")]
mod wrap;

pub use anyref::AnyRef;
pub use artifact::{ArtifactError, is_artifact};
#[cfg(feature = "cache")]
pub use cache::CodeCache;
#[cfg(feature = "compiler")]
pub use compile::CompileInterrupt;
pub use cpu::{Cpu, UnknownCpu};
pub use engine::{Config, Engine, Fuel, Language};
pub use error::{Error, Result};
pub use exception::{ExnRef, Tag};
pub use externs::{Extern, Global, Memory, Table};
pub use func::{Func, TypedFunc};
pub use host::{Caller, HostResult, IntoFunc};
#[cfg(feature = "compiler")]
pub use inspect::Inspection;
pub use instance::Instance;
pub use limits::{Growth, Limits, Resource};
pub use linker::{InstancePre, Linker, Shadowing};
pub use module::Module;
pub use module::features::{Feature, Features};
pub use store::{AsContext, AsContextMut, InterruptHandle, Store};
pub use trap::{Frame, Trap, TrapKind};
pub use types::{
    ExternType, FuncType, GlobalType, HeapType, IndexType, MemoryType, Mutability, RefType,
    Sharing, TableType, TypeId, ValType,
};
pub use value::{ExternRef, Val, WasmTy, WasmTypes};
pub use vm::shared::SharedMemory;
