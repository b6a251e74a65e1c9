//! The adapter of the `docker/...` targets: the workload's static binary in an image, `FROM scratch`
//! unless said otherwise, a container a trial, driven over the engine's own API.
//!
//! # Layout
//!
//! - [`adapter`]: the protocol's requests, and the signals that end this process
//! - [`targets`]: the configurations, a row each
//! - [`engine`]: where the engine's socket is, and why it cannot be used
//! - [`ledger`]: what the engine says of itself
//! - [`image`]: the image's archive, written by the kit, loaded and removed
//! - [`base`]: a distribution's root file system under it, where a target says so
//! - [`bounds`]: what bounds a hostile guest
//! - [`container`]: one container from create to remove, with the clock's readings
//! - `serving`: one container that serves
//! - [`peak`]: the most memory that a guest had
//! - [`probing`]: one container whose guest tries what it may not
//! - [`stopwatch`]: what times the program inside a container, put in beside it
//! - [`waiting`]: containers that are left waiting and looked at
//! - [`owner`]: whose container is this, and does its owner live? Removes strays
//! - [`failure`]: everything that can go wrong

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
