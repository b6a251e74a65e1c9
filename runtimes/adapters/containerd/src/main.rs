//! Adapter for containerd, using its client `ctr`: containers with runc, and WebAssembly with this package's shim. Both
//! use the same path, so that differences come from the runtime.
//!
//! # Layout
//!
//! - `targets`: configurations and their fairness ledgers
//! - `adapter`: protocol requests, and signals that end this process
//! - `containerd`: finds the daemon's socket
//! - `ctr`: runs commands of the client
//! - `container`: creates and removes containers and images, including leftovers of dead owners
//! - `shim/`: the shim, a separate program

mod adapter;
mod container;
mod containerd;
mod ctr;
mod targets;

plimsoll_adapter::adapter_main!(adapter::Containerd::start());
