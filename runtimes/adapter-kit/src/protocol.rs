//! The messages between `bench` and an adapter: newline-delimited JSON, one message per line.
//!
//! `bench` writes a [`Request`] to the adapter's stdin and reads [`Reply`]s from its stdout until one closes the
//! request: [`Reply::Hello`], [`Reply::Prepared`], [`Reply::Done`], [`Reply::Server`], [`Reply::Serving`],
//! [`Reply::Stopped`], [`Reply::Claims`], [`Reply::Programs`], [`Reply::Scripted`], [`Reply::Probe`],
//! [`Reply::Probed`], [`Reply::Unsupported`] or [`Reply::Failed`]. Only one request is active at a time. At end of file
//! on stdin the adapter must stop and leave nothing running. Guest output must never reach the adapter's own stdout.

mod reply;
mod request;

pub use reply::*;
pub use request::*;

/// The protocol version of these types, sent in [`Hello::protocol`].
pub const PROTOCOL: u32 = 2;
