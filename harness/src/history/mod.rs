//! `bench history`: how every row changed from run to run.
//!
//! # Layout
//!
//! - [`runs`]: the runs of a folder, each with its analysis cached beside it
//! - [`series`]: which rows of different runs are one series
//! - [`trend`]: a series over time, and where its level changed
//! - [`export`]: the newest rows as other tools' dashboards read them
//!
//! The runs are the truth; a cached analysis can be deleted at any time and is then made again.

pub mod export;
pub mod runs;
pub mod series;
pub mod trend;
