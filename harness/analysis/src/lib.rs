//! Computes rows from raw samples: a pure function of a recorded run.
//!
//! # Layout
//!
//! - [`series`]: a run's samples by subject, trial by trial
//! - [`statistics`]: medians, intervals and tests
//! - [`load`]: latencies under load: histograms, percentiles, the highest rate achieved
//! - [`columns`]: the columns of tables, and the rules for their values
//! - [`rows`]: the rows of `plimsoll.report/1`
//! - [`capability`]: what guests could and could not do, by question and target
//! - [`conformance`]: the specification's tests, counted by target and group
//! - [`machines`]: runs of several machines: medians over machines, and the sources of spread
//! - [`marks`]: marks speeds on workloads that use features a target fails
//! - [`analyse()`]: computes everything that is shown of a run
//! - [`reference`]: the ratio of one series to another of the same run
//! - [`throughput`](mod@throughput): the guest's own code compared with native, workload by
//!   workload and as a geometric mean
//! - [`noise`]: how much two runs of the same thing differ here
//! - [`alike`]: differences between two runs
//! - [`compare()`]: compares two runs: one verdict per row
//! - [`gate`]: judges base and head, measured side by side

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
