//! The suite `sandbox`: a table of facts, and the evidence for each.

use maud::{Markup, html};
use plimsoll_analysis::capability::{Cell, Facts as Answers};
use plimsoll_record::sandbox::Answer;

use super::markdown::RULE;
use crate::facts::Facts;
use crate::page::parts::{Place, Section};
use crate::page::parts::{heading, in_words};
use crate::suites;

/// Title and questions.
pub(crate) fn summary(facts: &Facts<'_>, place: &Place) -> Markup {
    let question = suites::question(facts.recorded.run.suite);
    html! {
        (heading(facts, place, question.asked, question.subject))
        p { "What a guest that was granted nothing can and cannot do, on each target." }
        section.glance aria-label=(place.label("In words")) { (in_words(&suites::sentences(facts))) }
    }
}

/// The table, one question per row.
pub(crate) fn answers(of: &Facts<'_>, place: &Place) -> Option<Section> {
    let answers = of.analysed.answers.as_ref()?;
    let body = html! {
        p { (RULE) }
        div.scroll tabindex="0" role="region" aria-label=(place.label("Answers by question and target")) {
            table.facts {
                thead { tr {
                    th scope="col" { "can it" }
                    @for (target, _) in &answers.targets { th scope="col" data-t=(target) { (target) } }
                } }
                tbody {
                    @for question in answers.questions {
                        tr {
                            th scope="row" { (question.title) }
                            @for (target, _) in &answers.targets {
                                td {
                                    @if let Some(cell) = answers.cell(target, &question.id) {
                                        a href={ "#" (place.id(&anchor(cell))) } title=(cell.evidence()) { (cell.word()) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        dl {
            @for answer in Answer::ALL {
                div { dt { (answer.word()) } dd { (answer.meaning()) } }
            }
        }
    };
    Some(Section {
        id: "answers",
        title: "Can it",
        body,
    })
}

/// The evidence for every answer, by target.
pub(crate) fn evidence(of: &Facts<'_>, place: &Place) -> Option<Section> {
    let answers = of.analysed.answers.as_ref()?;
    let body = html! {
        @for (target, _) in &answers.targets {
            div data-t=(target) {
                h3 { (target) }
                (of_target(answers, target, place))
            }
        }
    };
    Some(Section {
        id: "evidence",
        title: "What the answers rest on",
        body,
    })
}

fn of_target(answers: &Answers<'_>, target: &plimsoll_record::TargetId, place: &Place) -> Markup {
    html! {
        ul.plain {
            @for question in answers.questions {
                @if let Some(cell) = answers.cell(target, &question.id) {
                    li #(place.id(&anchor(cell))) {
                        (question.title) ": " strong { (cell.word()) } ": " (cell.evidence())
                    }
                }
            }
        }
    }
}

/// Id of a cell's evidence.
fn anchor(cell: &Cell<'_>) -> String {
    crate::suites::conformance::sections::plain(&format!("{}-{}", cell.target, cell.question.id))
}
