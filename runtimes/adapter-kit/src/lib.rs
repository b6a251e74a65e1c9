//! The protocol between `bench` and an adapter, and the kit that adapters are built with.
//!
//! An adapter is a program that drives one engine. `bench` starts it as a child process and exchanges newline-delimited
//! JSON over its stdin and stdout. A Rust adapter implements [`Adapter`] and ends with [`adapter_main!`]. If its engine
//! runs in the adapter's process, it implements [`timed::Engine`] and the kit does the timing. This folder's README.md
//! shows how to add your own engine, in any language.
//!
//! # Layout
//!
//! - [`protocol`]: requests and replies
//! - [`serve`](mod@serve): reads requests, calls the [`Adapter`], writes replies
//! - [`http`]: HTTP server for in-process engines (feature `http`)
//! - `image`: container image archives (feature `image`)
//! - [`in_process`]: the complete adapter of an in-process engine, driven by a table of targets
//! - [`timed`]: the timed steps of an in-process engine
//! - `density`: the step `instances`, many instances alive at once
//! - [`footprint`]: memory and CPU time of processes, from /proc; also used by `bench` and for containers
//! - `cgroup`, `trace`, `size` (feature `outside`): measurements of a process from outside
//! - [`budget`]: enforces the memory budget
//! - [`guest`]: a guest's inputs and outputs
//! - [`runner`]: the command line of a program that runs one guest per process
//! - [`launch`]: prepares command lines before they start
//! - [`owner`]: resource names that identify the process that created them
//! - [`ticks`]: step times that a program reports for its own loop
//! - [`native`]: checks that a workload's native binary exists and is static
//! - `stopwatch_client`: readings of the stopwatch (feature `stopwatch`)
//! - [`programs`]: hashes of the programs that take part in trials
//! - [`artefact`]: files that `prepare` leaves for `measure`
//! - [`schema`]: the protocol as JSON Schema
//! - [`wast`]: the specification's test scripts on any engine (feature `wast`)
//! - [`conformance`]: protocol tests for any adapter

pub mod artefact;
pub mod budget;
#[cfg(feature = "outside")]
pub mod cgroup;
pub mod conformance;
mod density;
mod error;
pub mod footprint;
pub mod guest;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "image")]
pub mod image;
pub mod in_process;
pub mod launch;
pub mod native;
pub mod owner;
pub mod programs;
pub mod protocol;
pub mod runner;
pub mod schema;
pub mod serve;
#[cfg(feature = "outside")]
pub mod size;
#[cfg(feature = "stopwatch")]
pub mod stopwatch_client;
pub mod ticks;
pub mod timed;
#[cfg(feature = "outside")]
pub mod trace;
#[cfg(feature = "wast")]
pub mod wast;

pub use error::Error;
pub use plimsoll_record as record;
pub use plimsoll_stopwatch::GuestBytes;
pub use serve::{Adapter, NOT_BOUNDED, Probing, Served};

/// The `main` of an adapter: serves `bench` with the value of the expression.
///
/// ```no_run
/// # use plimsoll_adapter::{Adapter, Error, protocol::*};
/// # struct Mine;
/// # impl Adapter for Mine {
/// #     fn hello(&mut self) -> Hello { unreachable!() }
/// #     fn prepare(&mut self, _: &Prepare) -> Result<Prepared, Error> { unreachable!() }
/// #     fn measure(&mut self, _: &Measure, _: &mut dyn FnMut(Sample)) -> Result<Done, Error> {
/// #         unreachable!()
/// #     }
/// # }
/// plimsoll_adapter::adapter_main!(Mine);
/// ```
#[macro_export]
macro_rules! adapter_main {
    ($adapter:expr) => {
        fn main() -> ::std::process::ExitCode {
            $crate::serve::main(|| $adapter)
        }
    };
    // `$engine` is a function from an `http::Asked` to the engine that serves it.
    ($adapter:expr, http: $engine:expr) => {
        fn main() -> ::std::process::ExitCode {
            match $crate::http::Asked::of_this_process() {
                Some(asked) => $crate::http::main(asked, $engine),
                None => $crate::serve::main(|| $adapter),
            }
        }
    };
}
