//! A run: the plan, and the session that carries it out trial by trial.

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
