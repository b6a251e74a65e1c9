//! WASI calls made directly from the host, without an engine.

mod context;
mod guest;
mod race;
mod random;
