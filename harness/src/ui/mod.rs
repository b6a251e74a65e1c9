//! Everything that `bench` prints.

pub mod format;
pub mod hgrm;
pub mod progress;
pub mod terminal;
