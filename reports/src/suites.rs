//! The text of each suite: one folder per suite, with the same files.
//!
//! # Layout
//!
//! - `sentences`: the key results as sentences
//! - `summary`: the first screen of the page
//! - `sections`: the other sections of the page
//! - `markdown`: the Markdown report

pub(crate) mod coldstart;
pub(crate) mod conformance;
pub(crate) mod counted;
pub(crate) mod languages;
pub(crate) mod neighbours;
pub(crate) mod sandbox;
pub(crate) mod serve;
pub(crate) mod throughput;

use maud::Markup;
use plimsoll_analysis::Analysed;
use plimsoll_record::Suite;

use crate::cost;
use crate::facts::Facts;
use crate::page::parts::{Place, Section};
use crate::page::{spread, tables};

/// A suite's question, for titles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    /// The heading.
    pub(crate) asked: &'static str,
    /// What was measured.
    pub(crate) subject: &'static str,
}

/// The question of a suite.
pub(crate) fn question(suite: Suite) -> Question {
    match suite {
        Suite::Coldstart => Question {
            asked: "How long until it runs?",
            subject: "Cold start",
        },
        Suite::Density => Question {
            asked: "What does one more cost?",
            subject: "Density",
        },
        Suite::Conformance => Question {
            asked: "What does it get right?",
            subject: "Conformance",
        },
        Suite::Sandbox => Question {
            asked: "What can a guest do?",
            subject: "Capabilities",
        },
        Suite::Size => Question {
            asked: "How much must be deployed?",
            subject: "Size",
        },
        Suite::Instructions => Question {
            asked: "How many instructions does it take?",
            subject: "Instructions",
        },
        Suite::Neighbours => Question {
            asked: "What does a neighbour cost?",
            subject: "Neighbours",
        },
        Suite::Languages => Question {
            asked: "What does a language cost?",
            subject: "Languages",
        },
        Suite::Memory => Question {
            asked: "How much memory does it need?",
            subject: "Memory",
        },
        Suite::Throughput => Question {
            asked: "How fast does it run?",
            subject: "Throughput",
        },
        Suite::Serve => Question {
            asked: "How does it behave under load?",
            subject: "Serving under load",
        },
    }
}

/// Sentences of the summary, most important first.
pub(crate) fn sentences(facts: &Facts<'_>) -> Vec<String> {
    match facts.recorded.run.suite {
        Suite::Conformance => conformance::sentences::sentences(facts),
        Suite::Languages => languages::sentences::sentences(facts),
        Suite::Neighbours => neighbours::sentences::sentences(facts),
        Suite::Sandbox => sandbox::markdown::said(facts.analysed)
            .into_iter()
            .collect(),
        Suite::Serve => serve::sentences::sentences(facts),
        Suite::Density | Suite::Memory | Suite::Size | Suite::Instructions => {
            counted::sentences::sentences(facts)
        }
        Suite::Coldstart => coldstart::sentences::sentences(facts),
        Suite::Throughput => match facts.throughput() {
            Some(throughput) => throughput::sentences::sentences(facts, throughput),
            None => coldstart::sentences::sentences(facts),
        },
    }
}

/// At most five sentences for a terminal, shown with its tables; empty for suites that print their own.
pub fn brief(analysed: &Analysed<'_>) -> Vec<String> {
    match analysed.recorded.run.suite {
        Suite::Coldstart => coldstart::sentences::brief(&Facts::of(analysed)),
        _ => Vec::new(),
    }
}

/// The first screen of a run.
pub(crate) fn summary(facts: &Facts<'_>, place: &Place<'_>) -> Markup {
    match facts.recorded.run.suite {
        Suite::Serve => serve::sections::summary(facts, place),
        Suite::Conformance => conformance::sections::summary(facts, place),
        Suite::Sandbox => sandbox::sections::summary(facts, place),
        Suite::Coldstart | Suite::Throughput => coldstart::summary::summary(facts, place),
        Suite::Density
        | Suite::Memory
        | Suite::Size
        | Suite::Languages
        | Suite::Instructions
        | Suite::Neighbours => counted::sections::summary(facts, place),
    }
}

/// The suite's own sections, in order.
pub(crate) fn sections(facts: &Facts<'_>, place: &Place<'_>) -> Vec<Option<Section>> {
    match facts.recorded.run.suite {
        Suite::Coldstart => vec![
            coldstart::sections::section(facts, place),
            tables::section(facts, place),
            spread::section(facts, place),
        ],
        Suite::Throughput => vec![
            throughput::sections::section(facts, place),
            tables::section(facts, place),
            spread::section(facts, place),
        ],
        Suite::Density => vec![
            counted::sections::pictures(facts, place),
            counted::sections::numbers(facts, place),
            cost::idle(facts, place),
        ],
        Suite::Memory
        | Suite::Size
        | Suite::Languages
        | Suite::Instructions
        | Suite::Neighbours => {
            vec![
                counted::sections::pictures(facts, place),
                counted::sections::numbers(facts, place),
            ]
        }
        Suite::Conformance => vec![
            conformance::sections::picture(facts, place),
            conformance::sections::shares(facts, place),
            conformance::scripts::by_script(facts, place),
            conformance::sections::failures(facts, place),
        ],
        Suite::Sandbox => vec![
            sandbox::sections::answers(facts, place),
            sandbox::sections::evidence(facts, place),
        ],
        Suite::Serve => vec![
            serve::sections::by_rate(facts, place),
            serve::sections::by_percentile(facts, place),
            serve::sections::numbers(facts, place),
            cost::requests(facts, place),
        ],
    }
}
