//! Marks figures of targets that fail tests of features that the workload uses.

use maud::{Markup, html};
use plimsoll_analysis::marks::MARK;
use plimsoll_record::{TargetId, WorkloadId};

use super::parts::{Place, Section};
use crate::facts::Facts;

/// The marked figures and the reasons.
pub(crate) fn section(facts: &Facts<'_>, _: &Place) -> Option<Section> {
    if facts.analysed.marked.is_empty() {
        return None;
    }
    let body = html! {
        p {
            "Figures of speed with a " (MARK) " are of targets that do not pass every test of a proposal that the workload "
            "uses, by the conformance runs in this report. What is got wrong may be fast because of it."
        }
        ul.plain {
            @for one in &facts.analysed.marked {
                li { (one.target) " on " (one.workload) ": " (one.why) }
            }
        }
    };
    Some(Section {
        id: "marks",
        title: "Marked figures",
        body,
    })
}

/// The mark of a target's figures for a workload, if any.
pub(crate) fn mark(facts: &Facts<'_>, target: &TargetId, workload: &WorkloadId) -> Markup {
    html! {
        @if let Some(one) = facts.mark(target, workload) {
            sup title=(one.words()) { (MARK) }
        }
    }
}
