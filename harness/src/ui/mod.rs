//! Everything that `bench` prints.

pub mod format;
pub mod progress;
pub mod terminal;
