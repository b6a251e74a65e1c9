//! WASI without an engine: the calls as the host sees them.

mod context;
mod guest;
mod race;
mod random;
