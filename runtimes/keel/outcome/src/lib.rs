//! Describes what a module does when each of its exported functions is called, as text that is
//! equal on every correct engine. Differential tests compare two engines; regression tests compare
//! one engine with a recording.
//!
//! # Layout
//! - [`engine`]: the interface of an engine: [`Engine`], [`Running`], [`Value`]
//! - [`describe`](mod@describe): calls every export and writes the text
//! - [`graph`](mod@graph): an object graph as one value
//! - [`host`]: the imports, and how host functions behave
//! - [`serve`](mod@serve): the loop of a process that describes modules for another
//!
//! All inputs derive from the module's exports, so a module alone is a complete test.

pub mod describe;
pub mod digest;
pub mod engine;
pub mod graph;
pub mod host;
pub mod serve;

pub use describe::describe;
pub use engine::{Engine, Export, ExportKind, Running, Stop, Trap, Type, Value};
pub use serve::serve;
