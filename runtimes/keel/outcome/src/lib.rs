//! What a module does when every function it exports is called, as text that is the same on every
//! engine that is right. Differential tests compare the texts of two engines; regression tests
//! compare one engine's with a recorded one.
//!
//! # Layout
//! - [`engine`]: what an engine must be able to do: [`Engine`], [`Running`], [`Value`]
//! - [`describe`](mod@describe): calls everything and writes the text
//! - [`graph`](mod@graph): a graph of objects as one value
//! - [`host`]: what modules may import, and how host functions answer
//! - [`serve`](mod@serve): the loop of a process that describes modules for another
//!
//! All inputs follow from what the module exports, so a module alone is a complete test.

pub mod describe;
pub mod digest;
pub mod engine;
pub mod graph;
pub mod host;
pub mod serve;

pub use describe::describe;
pub use engine::{Engine, Export, ExportKind, Running, Stop, Trap, Type, Value};
pub use serve::serve;
