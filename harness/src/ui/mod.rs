//! All output of `bench`.

pub mod format;
pub mod hgrm;
pub mod progress;
pub mod terminal;
