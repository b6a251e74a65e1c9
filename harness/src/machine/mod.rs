//! The machine of a run: description, noise, lock, signals.

pub mod denoise;
pub mod energy;
pub mod environment;
pub mod interrupt;
pub mod lock;
pub mod preflight;
pub mod quota;
pub mod writable;
