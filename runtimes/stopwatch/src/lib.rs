//! Times a program's own code: from its first instruction to its call of exit, once a process.
//!
//! What `_start` to its end is to a WebAssembly instance, this is to a native program: neither
//! loading nor tearing down lies inside the clock. The kernel stops the program at both ends
//! (ptrace: at the exec, and at the exit event), and only there; in between it runs as it would
//! run alone. The native target calls this crate, and the container targets run it inside the
//! container as the program `plimsoll-stopwatch`: one clock for both.
//!
//! # Layout
//!
//! - [`watch`](mod@watch): the loop, and what it yields
//! - `bytes`: what a program wrote, in JSON
//! - `traced`: one process between its two stops
//! - [`instructions`]: the counter of instructions, where the machine has one; for the kit too

mod bytes;
pub mod instructions;
mod traced;
pub mod watch;

pub use bytes::GuestBytes;
pub use instructions::Instructions;
pub use watch::{Amount, Output, Program, Reading, WatchError, Watched, watch};
