//! What became of a directive.

/// Longest message, in characters.
const MESSAGE_KEPT: usize = 400;

/// What became of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The engine did what the script says.
    Passed {
        /// Where it refused or trapped in other words than the script's.
        differs: Option<Differs>,
    },
    /// It did something else.
    Failed {
        /// What happened instead.
        message: String,
    },
    /// The directive asks nothing of an engine.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// A refusal or a trap in other words than the script's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs {
    /// What the script expects.
    pub of: Expected,
    /// The engine's words.
    pub found: String,
    /// The script's.
    pub expected: String,
}

impl std::fmt::Display for Differs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("`{}`, the script says `{}`", self.found, self.expected);
        f.write_str(&clip(&text))
    }
}

/// What a script expects that has words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A module that is refused.
    Refusal,
    /// Imports that do not fit.
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

    /// Passed, with both wordings where neither contains the other.
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
