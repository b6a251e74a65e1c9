//! The verdict of `bench gate`: base and head measured side by side, and base a second time.
//!
//! A *measurement* is three runs of one plan: base, base again, and head, trial by trial in random
//! order within a block. Base again shows the noise of this machine where nothing changed.
//!
//! # Layout
//!
//! - [`report`]: what `plimsoll.gate/1` holds
//! - [`evidence`]: whether the trials behind a row can carry a verdict
//! - [`verdict`]: how one series is judged
//! - [`rows`]: the rows of one measurement
//! - [`pinned`]: head compared with a recorded run
//! - [`suspects`](mod@suspects): what has to be measured again
//! - [`passes`]: tests of the specification, which must pass as before
//! - [`judge`](mod@judge): measurements in, the report out

mod evidence;
pub mod judge;
pub mod passes;
mod pinned;
pub mod report;
pub mod rows;
mod suspects;
mod verdict;

pub use judge::{Job, Passes, judge};
pub use passes::{ExpectedGroups, RecordedPasses};
pub use report::{
    FalseAlarms, GateReport, GateRow, Kind, Overall, PassRow, Reading, RowVerdict, SCHEMA, Settings,
};
pub use rows::Measurement;
pub use suspects::suspects;
pub use verdict::INSTRUCTIONS_GROWTH;
