//! Every message between `bench` and an adapter: newline-delimited JSON, a message a line.
//!
//! `bench` writes a [`Request`] to the adapter's stdin and reads [`Reply`]s from its stdout
//! until one of them closes the request: [`Reply::Hello`], [`Reply::Prepared`],
//! [`Reply::Done`], [`Reply::Server`], [`Reply::Serving`], [`Reply::Stopped`],
//! [`Reply::Claims`], [`Reply::Scripted`], [`Reply::Probe`], [`Reply::Probed`],
//! [`Reply::Unsupported`] or [`Reply::Failed`]. One request is under way at a
//! time. End of file on stdin means: stop, and leave nothing running. What a guest prints must never
//! reach the adapter's own stdout.

mod reply;
mod request;

pub use reply::*;
pub use request::*;

/// The version of the protocol that these types speak.
pub const PROTOCOL: u32 = 2;
