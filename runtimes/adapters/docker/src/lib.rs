//! The adapter of the `docker/...` targets. It puts a workload's static binary in an image (`FROM scratch` by default)
//! and runs one container per trial through the engine's API.
//!
//! # Layout
//!
//! - [`adapter`]: protocol requests, and signals that end this process
//! - [`targets`]: configurations, one row each
//! - [`engine`]: finds the engine's socket, or explains why it is unusable
//! - [`ledger`]: fairness ledger of an engine
//! - [`image`]: writes (with the kit), loads and removes images
//! - [`base`]: a distribution's root file system below the program
//! - [`bounds`]: limits for hostile guests
//! - [`container`]: runs one container and records times
//! - `serving`: a serving container
//! - [`peak`]: peak memory of a guest
//! - [`probing`]: runs hostile guests
//! - [`stopwatch`]: the stopwatch in a container
//! - [`waiting`]: measures waiting containers
//! - [`owner`]: ownership labels, and removal of strays
//! - [`failure`]: kinds of errors

pub mod adapter;
pub mod base;
pub mod bounds;
pub mod container;
pub mod engine;
pub mod failure;
pub mod image;
mod ledger;
pub mod owner;
pub mod peak;
pub mod probing;
mod serving;
pub mod stopwatch;
pub mod targets;
pub mod waiting;

pub use adapter::Containers;
