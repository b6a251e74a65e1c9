//! The machine that a run measures on: its description, its noise, its lock, its signals.

pub mod denoise;
pub mod energy;
pub mod environment;
pub mod interrupt;
pub mod lock;
pub mod preflight;
