//! Processes that `bench` starts and supervises.

pub mod command;
pub mod spawn;
pub mod supervised;
