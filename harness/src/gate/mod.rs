//! `bench gate`: base and head measured side by side, and the verdict.
//!
//! # Layout
//!
//! - [`request`]: what a gate measures, and the cells for it
//! - [`side`]: what base and head can be, and how they are prepared
//! - [`job`]: a whole gate from request to verdict
//! - [`measure`](mod@measure): one measurement: three sessions, trial by trial in random order
//! - [`passes`]: runs the specification's tests on head
//! - [`show`]: the report on a terminal and in Markdown
//! - [`junit`]: the report as JUnit XML
//!
//! The verdict itself is in `plimsoll_analysis::gate`: a pure function of the runs recorded here.

pub mod job;
pub mod junit;
pub mod measure;
pub mod passes;
pub mod request;
pub mod show;
pub mod side;
