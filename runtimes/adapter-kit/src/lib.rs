//! The protocol between `bench` and an adapter, and the kit every adapter is made of.
//!
//! An adapter is a program that drives one engine. `bench` starts it as a child process and
//! talks newline-delimited JSON over its stdin and stdout. An adapter written in Rust implements
//! [`Adapter`] and ends in [`adapter_main!`]; if its engine runs inside the adapter's process it
//! implements [`timed::Engine`] too and never touches a clock. README.md of this folder shows how
//! to bring an engine of one's own, in any language.
//!
//! # Layout
//!
//! - [`protocol`]: every message, both ways
//! - [`serve`](mod@serve): stdin to [`Adapter`] to stdout, whatever the engine does in between
//! - [`http`]: the HTTP front of an in-process engine, with feature `http`
//! - `image`: the archive of a container image (feature `image`)
//! - [`in_process`]: the whole adapter of an engine that runs inside it, over a table of targets
//! - [`timed`]: the steps of an in-process engine, with the one set of clocks
//! - `density`: so many instances of it alive at once
//! - [`footprint`]: what processes take, as /proc tells it; for `bench` and containers too
//! - `cgroup`, `trace`, `size` (feature `outside`): what is read of a process from outside it
//! - [`budget`]: no more memory than what may be taken
//! - [`guest`]: what a guest is given and what it leaves
//! - [`runner`]: the command line of the program that runs one guest in one process
//! - [`launch`]: a command line as it is started; [`owner`]: names that say who made a thing
//! - [`ticks`]: what a program says of the steps of its own loop
//! - [`native`]: the native binary of a workload, there and static
//! - `stopwatch_client`: what the stopwatch saw of a program (feature `stopwatch`)
//! - [`programs`]: the programs that take part in trials, by hash
//! - [`artefact`]: files that `prepare` leaves for `measure`
//! - [`schema`]: the protocol as JSON Schema
//! - [`wast`]: the specification's test scripts on any engine (feature `wast`)
//! - [`conformance`]: does this adapter keep the protocol? For tests

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

/// The `main` of an adapter: serves `bench` with the adapter that the expression makes.
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
    // The second is a function from an `http::Asked` to the engine that serves it.
    ($adapter:expr, http: $engine:expr) => {
        fn main() -> ::std::process::ExitCode {
            match $crate::http::Asked::of_this_process() {
                Some(asked) => $crate::http::main(asked, $engine),
                None => $crate::serve::main(|| $adapter),
            }
        }
    };
}
