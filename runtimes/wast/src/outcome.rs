//! Results of directives.

/// Maximum message length in characters.
const MESSAGE_KEPT: usize = 400;

/// Result of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The engine did what the script expects.
    Passed {
        /// The two wordings, if a rejection or trap is worded differently from the script.
        differs: Option<Differs>,
    },
    /// The engine did something else.
    Failed {
        /// What it did.
        message: String,
    },
    /// The directive does not test an engine.
    Skipped {
        /// The reason.
        reason: String,
    },
}

/// A rejection or trap worded differently from the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs {
    /// Kind of result that the script expects.
    pub of: Expected,
    /// The engine's wording.
    pub found: String,
    /// The script's wording.
    pub expected: String,
}

impl std::fmt::Display for Differs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("`{}`, the script says `{}`", self.found, self.expected);
        f.write_str(&clip(&text))
    }
}

/// Expected results that have a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A rejected module.
    Refusal,
    /// Imports that do not match.
    Unlinkable,
    /// A trap.
    Trap,
}

impl Outcome {
    pub(crate) const PASSED: Outcome = Outcome::Passed { differs: None };

    pub(crate) fn failed(message: impl ToString) -> Outcome {
        Outcome::Failed {
            message: clip(&message.to_string()),
        }
    }

    pub(crate) fn skipped(reason: impl ToString) -> Outcome {
        Outcome::Skipped {
            reason: clip(&reason.to_string()),
        }
    }

    /// Passed; includes both wordings unless one contains the other.
    pub(crate) fn worded(of: Expected, found: &str, expected: &str) -> Outcome {
        let same = found.contains(expected) || (!found.is_empty() && expected.contains(found));
        Outcome::Passed {
            differs: (!same).then(|| Differs {
                of,
                found: found.to_owned(),
                expected: expected.to_owned(),
            }),
        }
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_KEPT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
