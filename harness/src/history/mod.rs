//! `bench history`: how every row went from run to run.
//!
//! # Layout
//!
//! - [`index`]: what a folder of runs holds, kept in SQLite beside them
//! - [`trend`]: a row's medians over time, and where their level changed
//! - [`export`]: the newest rows as other tools' dashboards read them
//!
//! The runs are the truth; the index can be deleted at any time and is then made again.

pub mod export;
pub mod index;
pub mod trend;
