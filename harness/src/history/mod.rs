//! `bench history`: how every row changed from run to run.
//!
//! # Layout
//!
//! - [`runs`]: the runs of a folder, each with its cached analysis
//! - [`series`]: which rows of different runs are one series
//! - [`trend`]: a series over time, and its changes of level
//! - [`export`]: the newest rows for dashboards of other tools
//!
//! A cached analysis can be deleted at any time and is then computed again from the run.

pub mod export;
pub mod runs;
pub mod series;
pub mod trend;
