//! From raw samples to rows: a pure function of a recorded run.
//!
//! # Layout
//!
//! - [`series`]: a run's samples, sorted by what they measure, trial by trial
//! - [`statistics`]: medians, intervals, tests: everything that knows about chance
//! - [`load`]: latencies under load: histograms read back, percentiles, the highest rate achieved
//! - [`columns`]: which rows stand side by side in a table, and the rule they were counted by
//! - [`rows`]: the rows of `plimsoll.report/1`
//! - [`capability`]: what guests could and could not do, by question and target
//! - [`conformance`]: the specification's own tests, counted by target and group
//! - [`machines`]: runs of several machines: medians over machines, and where the spread is
//! - [`marks`]: speed on workloads that use what a target fails
//! - [`analyse()`]: a run in, everything that is computed from it out
//! - [`reference`]: how many times as long one series takes as another of the same run
//! - [`throughput`](mod@throughput): the guest's own code compared with native, workload by
//!   workload and as a geometric mean
//! - [`noise`]: by how much two runs of the same thing differ here
//! - [`alike`]: what differs between two runs
//! - [`compare()`]: two runs in, a verdict per row out
//! - [`gate`]: base and head measured side by side in, a verdict out

pub mod alike;
mod analyse;
pub mod capability;
pub mod columns;
mod compare;
pub mod conformance;
pub mod gate;
pub mod load;
pub mod machines;
pub mod marks;
pub mod noise;
pub mod reference;
pub mod rows;
pub mod series;
pub mod statistics;
pub mod throughput;

pub use analyse::{Analysed, analyse, analyse_all, lost_trials};
pub use compare::{
    ComparedRow, Comparison, LEVEL, Lost, Measured, RULE, SCHEMA as COMPARISON_SCHEMA,
    UnmatchedRow, Verdict, compare, compare_all,
};
pub use rows::{Report, Row, Status};
