//! The verdict of `bench gate`: base and head measured side by side, with base measured twice.
//!
//! A *measurement* is three runs of one plan: base, base again and head, trial by trial in random order
//! within a block. Base again shows the noise of this machine without any change.
//!
//! # Layout
//!
//! - [`report`]: the format `plimsoll.gate/1`
//! - [`evidence`]: whether a row's trials allow a verdict
//! - [`verdict`]: how one series is judged
//! - [`rows`]: the rows of one measurement
//! - [`pinned`]: head compared with a recorded run
//! - [`suspects`](mod@suspects): what must be measured again
//! - [`plausible`]: values of head that no measurement gives
//! - [`passes`]: tests of the specification that must pass as before
//! - [`judge`](mod@judge): turns measurements into the report

mod evidence;
pub mod judge;
pub mod passes;
mod pinned;
mod plausible;
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
