//! A run: its plan, and the session that executes it.

pub mod adapter;
pub mod carry_out;
pub(crate) mod cells;
pub mod job;
pub mod load;
pub mod plan;
pub mod programs;
pub mod scratch;
pub mod session;
pub mod trial;
