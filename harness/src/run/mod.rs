//! A run: the plan, and the session that carries it out trial by trial.

pub mod adapter;
pub(crate) mod cells;
pub mod load;
pub mod plan;
pub mod session;
pub mod trial;
