//! Adapters, from this side of the pipe.
//!
//! # Layout
//!
//! - [`child`]: one adapter process and the conversation with it
//! - [`build`]: getting an adapter's program built
//! - [`discovery`]: which adapters are there and what they say of themselves

pub mod build;
pub mod child;
pub mod discovery;
