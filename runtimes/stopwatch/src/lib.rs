//! Times a program's own code, from its first instruction to its exit call, once per process.
//!
//! This is the native equivalent of running `_start` in a WebAssembly instance: neither loading nor teardown is timed.
//! The kernel stops the program only at its two ends (ptrace: at the exec and at the exit event); in between it runs at
//! full speed. The native target calls this crate, and container targets run it in the container as the program
//! `plimsoll-stopwatch`, so both use the same clock.
//!
//! # Layout
//!
//! - [`watch`](mod@watch): runs the program repeatedly and collects readings
//! - `bytes`: output bytes in JSON
//! - `traced`: one process between its two stops
//! - [`instructions`]: the instruction counter, if the machine has one; also used by the kit

mod bytes;
pub mod instructions;
mod traced;
pub mod watch;

pub use bytes::GuestBytes;
pub use instructions::Instructions;
pub use watch::{Amount, Output, Program, Reading, WatchError, Watched, watch};
