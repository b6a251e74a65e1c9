//! The catalogue of targets, workloads and suites, and the selection by a command line.

pub mod bundle;
pub mod checkout;
pub mod resolve;
pub mod selection;
pub mod suites;
pub mod targets;
pub mod user_program;
pub mod workloads;
