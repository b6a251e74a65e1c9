//! Processes that `bench` starts and supervises.

pub mod command;
pub mod group;
pub mod pipe;
pub mod spawn;
pub mod status;
pub mod supervised;
