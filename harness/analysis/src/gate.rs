//! The verdict of `bench gate`: base and head measured side by side, and base a second time.
//!
//! A *measurement* is three runs of one plan: base, base again, and head, trial by trial in random
//! order within a block. Base again says what this machine makes of no difference at all.
//!
//! # Layout
//!
//! - [`report`]: what `plimsoll.gate/1` holds
//! - [`rows`]: the rows of one measurement
//! - [`pinned`]: a recorded run that head is held against
//! - [`passes`]: tests of the specification, which must pass as before
//! - [`judge`]: measurements in, the report out

pub mod judge;
pub mod passes;
pub mod pinned;
pub mod report;
pub mod rows;

pub use judge::{Job, Passes, judge};
pub use passes::{Known, Meant, PassRow};
pub use report::{
    FalseAlarms, GateReport, GateRow, Kind, Overall, Reading, RowVerdict, SCHEMA, Settings,
};
pub use rows::{Measurement, suspects};
