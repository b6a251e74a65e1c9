//! A trial: one fresh process, measured, with its output verified.
//!
//! # Layout
//!
//! - [`size`]: sizes of files
//! - [`process`]: boundaries L3, L4 and L6 of a target that is a process
//! - [`container_cleanup`]: removes the container of a killed start
//! - [`density`]: idle processes
//! - [`peak`]: peak memory of a process
//! - [`conversation`]: a step that an adapter runs
//! - [`serving`], [`server`]: a server under load, and its first response
//! - [`verify`]: compares the guest's output with the expected one

pub mod container_cleanup;
pub mod conversation;
pub mod count;
pub mod density;
pub mod neighbour;
pub mod peak;
pub mod process;
pub mod server;
pub mod serving;
pub mod size;
pub mod verify;

use plimsoll_adapter::protocol::Sample;
use plimsoll_record::{Boundary, Clock, Outcome};

/// The result of a trial; its samples count only if the outcome is ok.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialResult {
    /// The samples, in order of measurement.
    pub samples: Vec<Sample>,
    /// Latencies per rate, in order.
    pub histograms: Vec<Histogram>,
    /// Ok, or why the trial does not count.
    pub outcome: Outcome,
    /// A note on a trial that counts.
    pub note: Option<String>,
}

/// The latencies of the requests offered at one rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// When each request's clock started.
    pub clock: Clock,
    /// Requests offered per second.
    pub at: u64,
    /// The second of the window; `None` for the whole window.
    pub second: Option<u32>,
    /// Encoded as [`plimsoll_record::HistogramLine::v2`].
    pub v2: String,
}

impl TrialResult {
    /// A result without samples.
    pub fn nothing(outcome: Outcome) -> Self {
        Self {
            samples: Vec::new(),
            histograms: Vec::new(),
            outcome,
            note: None,
        }
    }
}
