//! Drives containerd for `bench`, through its own client `ctr`: containers by runc, and WebAssembly by
//! a shim of this package, both by the same path, so that what differs is the runtime's.
//!
//! # Layout
//!
//! - `targets`: the configurations, and what the ledger says of each
//! - `adapter`: the protocol's requests, and the signals that end this process
//! - `containerd`: where its socket is, and why it cannot be used
//! - `ctr`: one command of its client, with its clock and its deadline
//! - `image`: the image's archive
//! - `namespace`: what is made there, and what dead owners left, removed
//! - `owner`: whose namespace is this, and does its owner live?
//! - `shim/`: the shim, a program of its own

mod adapter;
mod containerd;
mod ctr;
mod image;
mod namespace;
mod owner;
mod targets;

plimsoll_adapter::adapter_main!(adapter::Containerd::start());
