//! From raw samples to rows: a pure function of a recorded run.
//!
//! # Layout
//!
//! - [`rows`]: the rows of `plimsoll.report/1`

pub mod rows;
