//! Runs one suite on several machines, with an existing scheduler.
//!
//! A fleet is a folder that every node can reach. It contains everything: what to run, where, and the runs
//! themselves, which nodes write like any `bench run`. Any process can continue from the folder.
//!
//! # Layout
//!
//! - [`state`]: the folder, `plimsoll.fleet/1`
//! - [`slurm`]: Slurm's commands and their output
//! - [`submit`]: chooses nodes and submits tasks
//! - [`worker`]: the program on a node
//! - [`progress`]: the state of each node
//! - [`kubernetes`]: a manifest for another scheduler

pub mod kubernetes;
pub mod progress;
pub mod slurm;
pub mod state;
pub mod submit;
pub mod worker;
