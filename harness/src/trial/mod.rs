//! One trial: one fresh process, measured, its output verified.
//!
//! # Layout
//!
//! - [`size`]: files weighed
//! - [`spawn`]: a process started the cheap way
//! - [`process`]: boundaries L3, L4 and L6 of a target that is a process
//! - [`alive`]: processes that are left waiting and looked at
//! - [`peak`]: the most memory that a process had
//! - [`conversation`]: a step that an adapter does
//! - [`verify`]: whether the guest's output is the expected one

pub mod alive;
pub mod conversation;
pub mod peak;
pub mod process;
pub mod size;
pub mod spawn;
pub mod verify;

use plimsoll_adapter::protocol::Sample;
use plimsoll_record::Outcome;

/// What a trial yielded: samples count only if the outcome is ok.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yield {
    /// What was measured, in order.
    pub samples: Vec<Sample>,
    /// What came of it.
    pub outcome: Outcome,
    /// What a reader must know of it although it counts.
    pub note: Option<String>,
}

impl Yield {
    /// One that measured nothing.
    pub fn nothing(outcome: Outcome) -> Self {
        Self {
            samples: Vec::new(),
            outcome,
            note: None,
        }
    }
}
