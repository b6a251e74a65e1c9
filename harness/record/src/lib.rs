//! The format of a recorded run, and the words everything else is said in.
//!
//! A run is a directory: `run.json` (what was planned, on what machine, under which
//! configuration of every engine) and `samples.ndjson` (every raw sample and every trial's
//! outcome, a line each, appended as they are taken). Nothing here computes: analysis is a
//! pure function of what this crate reads back.
//!
//! # Layout
//!
//! - [`vocabulary`]: boundaries, metrics, units, target and workload ids
//! - [`run`]: the types of `run.json`
//! - [`line`]: the types of a line of `samples.ndjson`
//! - [`sandbox`]: what a guest can and cannot do, and what is recorded of it
//! - [`conformance`]: proposals, verdicts, and what is recorded of the specification's tests
//! - [`glob`]: names that stand for several
//! - [`text`]: text from outside, made fit to be shown
//! - [`writer`]: appends to a run directory
//! - [`reader`]: reads one back, truncated or not

pub mod conformance;
pub mod glob;
pub mod line;
pub mod reader;
pub mod run;
pub mod sandbox;
pub mod text;
pub mod vocabulary;
pub mod writer;

pub use conformance::{Proposal, ScriptLine, Tally};
pub use line::{Clock, FailureKind, HistogramLine, Line, Outcome, OutcomeLine, SampleLine};
pub use reader::{ReadError, Recorded};
pub use run::Run;
pub use sandbox::{Answer, FactLine, Limit};
pub use vocabulary::{
    Boundary, Judged, Metric, Nanoseconds, Step, Suite, TargetId, Unit, WorkloadId,
};
pub use writer::{RunWriter, WriteError};
