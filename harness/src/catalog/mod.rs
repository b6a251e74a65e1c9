//! What can be measured: targets, workloads, suites, and which of them a command line selects.

pub mod bundle;
pub mod checkout;
pub mod resolve;
pub mod selection;
pub mod suites;
pub mod targets;
pub mod user_program;
pub mod workloads;
