//! The first screen: two rankings and the key sentences.

use maud::{Markup, html};
use plimsoll_record::{Suite, WorkloadId};

use super::ranking::{Ranking, from_nothing, running};
use crate::facts::Facts;
use crate::page::parts::{Place, heading, in_words, kind_class, times};
use crate::quantity;
use crate::suites;

pub(crate) fn summary(facts: &Facts<'_>, place: &Place<'_>) -> Markup {
    let question = suites::question(facts.recorded.run.suite);
    html! {
        (heading(facts, place, question.asked, question.subject))
        @if let Some(lead) = facts.lead() {
            section.glance aria-label=(place.label("At a glance")) {
                @if facts.recorded.run.suite == Suite::Coldstart {
                    (card(
                        "Platform already running",
                        "To the first byte of output. Wasm: from its artefact file in a running host (first-output-artefact). Container: start in a running daemon (L3). Native: a process (L3).",
                        &running(facts, &lead.workload),
                        &lead.workload,
                    ))
                    (card(
                        "From nothing",
                        "To the first byte of output, from the start of a process or container (L3).",
                        &from_nothing(facts, &lead.workload),
                        &lead.workload,
                    ))
                }
                (in_words(&suites::sentences(facts)))
            }
        }
    }
}

fn card(title: &str, meaning: &str, ranking: &Ranking<'_>, workload: &WorkloadId) -> Markup {
    let most = ranking
        .standings
        .last()
        .and_then(|s| s.row.median)
        .unwrap_or(1.0);
    let least = ranking
        .standings
        .first()
        .and_then(|s| s.row.median)
        .unwrap_or(1.0);
    html! {
        div.card {
            h2 { (title) }
            p.meaning { (meaning) }
            @if ranking.standings.is_empty() {
                p { "Nothing in this run was measured there." }
            } @else {
                table {
                    caption.unseen { (title) ", workload " (workload) }
                    thead { tr {
                        th scope="col" { (workload) }
                        th.n scope="col" { "median" }
                        th.n scope="col" {
                            @if let Some(reference) = ranking.reference { "times " (reference.target) }
                        }
                    } }
                    tbody {
                        @for standing in &ranking.standings {
                            tr {
                                th scope="row" {
                                    (breakable(standing.row.target.as_str()))
                                    span.bar.(kind_class(standing.kind)) style={ "--w:" (share(standing.row.median, least, most)) "%" } {}
                                }
                                td.n { (standing.row.median.map(quantity::duration).unwrap_or_default()) }
                                td.n {
                                    @match &standing.against {
                                        Some(against) => (times(against)),
                                        None => span.dim { @if ranking.reference.is_some() { "1" } @else { "" } },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Length of a bar on a logarithmic scale that keeps the shortest one visible.
fn share(median: Option<f64>, least: f64, most: f64) -> u32 {
    let decades = (most / least).ln().max(1e-9);
    let share = median.map_or(0.0, |m| (m / least).ln() / decades);
    (8.0 + 92.0 * share).round() as u32
}

/// A name that may break after slashes and pluses in a narrow column.
fn breakable(name: &str) -> Markup {
    html! { @for part in name.split_inclusive(['/', '+']) { (part) wbr; } }
}
