//! One trial: one fresh process, measured, its output verified.
//!
//! # Layout
//!
//! - [`size`]: files weighed
//! - [`process`]: boundaries L3, L4 and L6 of a target that is a process
//! - [`container_cleanup`]: what is left of a container whose start was killed
//! - [`density`]: processes that are left waiting and looked at
//! - [`peak`]: the most memory that a process had
//! - [`conversation`]: a step that an adapter does
//! - [`serving`], [`server`]: a server under load, and one from nothing
//! - [`verify`]: whether the guest's output is the expected one

pub mod container_cleanup;
pub mod conversation;
pub mod count;
pub mod density;
pub mod peak;
pub mod process;
pub mod server;
pub mod serving;
pub mod size;
pub mod verify;

use plimsoll_adapter::protocol::Sample;
use plimsoll_record::{Boundary, Clock, Outcome};

/// What a trial yielded: samples count only if the outcome is ok.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialResult {
    /// What was measured, in order.
    pub samples: Vec<Sample>,
    /// Latencies, rate by rate, in order.
    pub histograms: Vec<Histogram>,
    /// What came of it.
    pub outcome: Outcome,
    /// What a reader must know of it although it counts.
    pub note: Option<String>,
}

/// The latencies of the requests that were offered at one rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// When it was started, more closely.
    pub clock: Clock,
    /// Requests offered a second.
    pub at: u64,
    /// The second of the window; absent for the whole of it.
    pub second: Option<u32>,
    /// As [`plimsoll_record::HistogramLine::v2`] has it.
    pub v2: String,
}

impl TrialResult {
    /// One that measured nothing.
    pub fn nothing(outcome: Outcome) -> Self {
        Self {
            samples: Vec::new(),
            histograms: Vec::new(),
            outcome,
            note: None,
        }
    }
}
