//! The life of the instance or process that answers a request, and the isolation between requests that follows from it.

use serde::{Deserialize, Serialize};

/// What has answered other requests before, or does so at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// An instance per request, in memory that is new to it.
    Fresh,
    /// An instance per request, in the memory of an earlier one, put back to the module's own.
    Reset,
    /// An instance that answers requests one after another.
    Reused,
    /// A process or instance that answers requests side by side.
    Shared,
}

impl Life {
    /// All, from the most to the least isolation.
    pub const ALL: [Life; 4] = [Life::Fresh, Life::Reset, Life::Reused, Life::Shared];

    /// The name beside a target.
    pub fn name(self) -> &'static str {
        match self {
            Life::Fresh => "fresh",
            Life::Reset => "reset",
            Life::Reused => "reused",
            Life::Shared => "shared",
        }
    }

    /// How requests are isolated from each other.
    pub fn isolation(self) -> &'static str {
        match self {
            Life::Fresh => {
                "an instance per request in new memory: a request finds nothing of another"
            }
            Life::Reset => {
                "an instance per request, memory put back to its start: a request finds nothing of another"
            }
            Life::Reused => {
                "an instance answers requests one after another: a request finds what earlier ones left"
            }
            Life::Shared => {
                "a process answers requests side by side: a request can reach the memory of those in progress"
            }
        }
    }
}
