//! From raw samples to rows: a pure function of a recorded run.
//!
//! # Layout
//!
//! - [`series`]: a run's samples, sorted by what they measure, trial by trial
//! - [`statistics`]: medians, intervals, tests: everything that knows about chance
//! - [`rows`]: the rows of `plimsoll.report/1`
//! - [`analyse()`]: a run in, its rows out

mod analyse;
pub mod rows;
pub mod series;
pub mod statistics;

pub use analyse::analyse;
pub use rows::{Report, Row, Status};
