//! Adapters as seen by `bench`.
//!
//! # Layout
//!
//! - [`child`]: one adapter process and its messages
//! - [`build`]: builds an adapter's program
//! - [`discovery`]: finds out which adapters exist and what they offer

pub mod build;
pub mod child;
pub mod discovery;
