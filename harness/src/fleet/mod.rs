//! One suite on several machines, started by a scheduler that is there already.
//!
//! A fleet is a folder that every node can reach. It holds everything: what to run, where, and the
//! runs themselves, which nodes write as `bench run` writes any run. Whoever reads the folder can go on where
//! another process ended.
//!
//! # Layout
//!
//! - [`state`]: the folder, `plimsoll.fleet/1`
//! - [`slurm`]: Slurm's commands, and what they say
//! - [`submit`]: nodes chosen, tasks submitted
//! - [`worker`]: what runs on a node
//! - [`progress`]: what became of each node
//! - [`kubernetes`]: a manifest for another scheduler

pub mod kubernetes;
pub mod progress;
pub mod slurm;
pub mod state;
pub mod submit;
pub mod worker;
