//! Drives containerd for `bench`, through its own client `ctr`: containers by runc, and WebAssembly by
//! a shim of this package, both by the same path, so that what differs is the runtime's.
//!
//! # Layout
//!
//! - `targets`: the configurations, and what the ledger says of each
//! - `adapter`: the protocol's requests, and the signals that end this process
//! - `containerd`: where its socket is, and why it cannot be used
//! - `ctr`: one command of its client, with its clock and its deadline
//! - `made`: what is made there, and what dead owners left, removed
//! - `shim/`: the shim, a program of its own

mod adapter;
mod container;
mod containerd;
mod ctr;
mod targets;

plimsoll_adapter::adapter_main!(adapter::Containerd::start());
