//! The format of a recorded run, and the project's terms.
//!
//! A run is a directory. `run.json` has the plan, the machine and the configuration of every
//! engine. `samples.ndjson` has every raw sample and every trial's outcome, one per line, appended
//! as they are measured. Nothing here computes: analysis is a pure function of what this crate
//! reads.
//!
//! # Layout
//!
//! - [`vocabulary`]: boundaries, metrics, units, target and workload ids
//! - [`run`]: the types of `run.json`
//! - [`life`]: the isolation between requests
//! - [`line`]: the types of the lines of `samples.ndjson`
//! - [`sandbox`]: what guests can and cannot do, and its record
//! - [`conformance`]: proposals, verdicts, and the record of the specification's tests
//! - [`glob`]: patterns for names
//! - [`text`]: escapes untrusted text for display
//! - [`writer`]: appends to a run directory
//! - [`reader`]: reads a run directory, even an incomplete one

pub mod conformance;
pub mod glob;
pub mod life;
pub mod line;
pub mod reader;
pub mod run;
pub mod sandbox;
pub mod text;
pub mod vocabulary;
pub mod writer;

pub use conformance::{Proposal, ScriptLine, Tally};
pub use life::Life;
pub use line::{Clock, FailureKind, HistogramLine, Line, Outcome, OutcomeLine, SampleLine};
pub use reader::{ReadError, Recorded};
pub use run::Run;
pub use sandbox::{Answer, FactLine, Limit};
pub use vocabulary::{
    Boundary, Judged, Metric, Nanoseconds, Step, Suite, TargetId, Unit, WorkloadId,
};
pub use writer::{RunWriter, WriteError};
