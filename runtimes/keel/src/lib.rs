//! keel: a WebAssembly runtime on Cranelift that starts first.
//!
//! An [`Engine`] holds settings, a [`Module`] code, a [`Store`] instances and the embedder's data, a
//! [`Linker`] what imports mean; an [`Instance`] is a module that runs. [`Func`] shows a call, [`Caller`]
//! a host function, [`wasi`] gives guests an operating system, [`command`] runs whole programs.
//!
//! What keel has: WebAssembly 2.0 with vectors, and the proposals of [`Features::default`], which are
//! switched one by one. What it does not have, it refuses by name: [`Error::Unsupported`]. It runs on
//! x86-64 Linux, with SSE 4.1 or later.
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
//! For a module of a stranger's, set [`Limits`], a timeout ([`Store::set_timeout`]) or fuel
//! ([`Config::fuel`]); `docs/TRUST.md` says what keel defends against and what it does not.
//!
//! # How a module starts
//! A module is compiled to an *artefact* (`artifact`), whether it is kept in a file or not. Starting
//! reads
//! it into place: code is position-independent, tables that nobody writes are constant data beside the code,
//! and initial memory is mapped copy-on-write. An instance takes a *slot* (`vm::slot`): one reservation with
//! its context, memory 0 and the guard behind it. Compiled code carries the address between context and
//! memory in a register: an access to memory needs no look-up and no bounds check, since 4 GiB and a
//! guard are reserved and whatever is not accessible faults. A slot is reset by copying back the pages
//! that were written, and used again.
//!
//! # Structures and arrays
//! A module that has types of them has a heap (`vm::heap`), one a store, collected by marking. Compiled code
//! allocates and accesses objects itself; references are 32-bit offsets. Every type is known to its engine
//! by one number, however many modules define it (`types::registry`).
//!
//! # How code stops
//! A trap is a fault or an illegal instruction at a place that the compiler noted; the signal handler
//! (`vm::signal`) leaves for the host at once, since compiled code holds nothing that would have to be
//! released. For a timeout or an [`InterruptHandle`], a thread signals the one that runs the code: it is not slowed down by
//! being stoppable. Every function checks its stack on entry.
//!
//! # Layout
//! - `module`: decode, validate, describe; `module::layout`: the context's fields
//! - `compile`: scan, translate (an operator family a file), thunks, link
//! - `artifact`: the `.keel` file: `format` is its specification, `fingerprint` what it is bound to
//! - `cache`: artefacts in a folder, by what they were made of
//! - `vm`: contexts, slots, memories, tables, calls, signals, timers: all that is unsafe at heart
//! - `engine`, `store`, `linker`, `instantiate`, `instance`, `func`, `host`, `externs`, `value`, `anyref`: the API
//! - `wasi`, `command`: preview 1, and programs on it; `wast`: the specification's scripts

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
