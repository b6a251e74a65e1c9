//! `bench gate`: base and head measured side by side, and what is said of it.
//!
//! # Layout
//!
//! - [`side`]: what base and head can be, and getting them ready
//! - [`measure`]: one measurement: three sessions, trial by trial in random order
//! - [`show`]: the report on a terminal and in Markdown
//! - [`junit`]: the report as JUnit XML
//!
//! The verdict itself is in `plimsoll_analysis::gate`: a pure function of the runs recorded here.

pub mod junit;
pub mod measure;
pub mod passes;
pub mod show;
pub mod side;
