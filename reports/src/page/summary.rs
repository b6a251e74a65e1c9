//! Title, rankings and sentences: what a busy reader takes in within a screen.

use maud::{Markup, html};
use plimsoll_analysis::capability::facts as answers;
use plimsoll_analysis::conformance::matrix;
use plimsoll_analysis::statistics::Interval;
use plimsoll_record::run::{Severity, TargetKind};
use plimsoll_record::{Suite, WorkloadId};
use time::macros::format_description;

use super::Place;
use crate::facts::{Against, Difference, Ended, Facts};
use crate::headline::{self, Ranking};
use crate::quantity;

/// The report's title.
pub(crate) fn title(facts: &Facts<'_>) -> String {
    let what = headline::question(facts.recorded.run.suite).subject;
    format!("{what}, measured: {}", facts.recorded.run.id)
}

pub(super) fn summary(facts: &Facts<'_>, place: &Place<'_>) -> Markup {
    let question = headline::question(facts.recorded.run.suite);
    html! {
        (heading(facts, place, question.asked, question.subject))
        @if let Some(lead) = facts.lead() {
            section.glance aria-label=(place.label("At a glance")) {
                @if facts.recorded.run.suite == Suite::Coldstart {
                    (card(
                        "Platform already running",
                        "Wasm: artefact file to ready instance in a running host (L1). Container: start in a running daemon to first output (L3).",
                        &headline::running(facts, &lead.workload),
                        &lead.workload,
                    ))
                    (card(
                        "From nothing",
                        "Process or container, from its start to the first byte of output (L3).",
                        &headline::from_nothing(facts, &lead.workload),
                        &lead.workload,
                    ))
                }
                (in_words(&headline::sentences(facts)))
            }
        }
    }
}

/// What a run says, in sentences.
pub(super) fn in_words(sentences: &[String]) -> Markup {
    html! {
        div.words {
            h2 { "In words" }
            ul {
                @for sentence in sentences { li { (sentence) } }
                li.bias {
                    "This project also makes one of the engines it can measure; "
                    a href="#bias" { "what is done about that" } "."
                }
            }
        }
    }
}

/// The question, and what it was asked of.
pub(super) fn heading(facts: &Facts<'_>, place: &Place<'_>, question: &str, what: &str) -> Markup {
    let run = &facts.recorded.run;
    let machine = &run.environment;
    let day = run.started.format(format_description!(
        "[day padding:none] [month repr:long] [year], [hour]:[minute] UTC"
    ));
    let (targets, tested) = asked(facts);
    html! {
        header {
            p.brand { "Plimsoll" span { " what server-side WebAssembly costs beside containers and native code" } }
            h1 #(place.id("title")) { (question) }
            p.lede {
                (what) " of " strong { (quantity::count(targets, "target")) }
                " on " strong { (tested) } ", "
                (machine.cpus) " × " (machine.cpu_model.trim())
                @if machine.virtualised { " (virtual machine)" }
                ", " (quantity::bytes(machine.memory_bytes)) ", " (machine.os) ". "
                @if let Ok(day) = &day { (day) ". " }
                @if run.quick { "A quick run: the smallest honest one. " }
            }
            (state(facts))
        }
    }
}

/// How many targets were asked, and of what.
fn asked(facts: &Facts<'_>) -> (u64, String) {
    if let Some(matrix) = matrix(facts.recorded) {
        let groups = matrix.specification.groups.len() as u64;
        let targets = matrix.targets.len() as u64;
        return (targets, quantity::count(groups, "group") + " of tests");
    }
    if let Some(answers) = answers(facts.recorded) {
        let targets = answers.targets.len() as u64;
        return (
            targets,
            quantity::count(answers.questions.len() as u64, "question"),
        );
    }
    let workloads = facts.workloads().len() as u64;
    (
        measured_targets(facts),
        quantity::count(workloads, "workload"),
    )
}

fn measured_targets(facts: &Facts<'_>) -> u64 {
    let measured = facts.targets().iter().filter(|target| {
        let mut rows = facts.rows.iter();
        rows.any(|row| row.target == target.target && row.median.is_some())
    });
    measured.count() as u64
}

/// What of the plan was measured, in one line, with everything that should make a reader pause.
fn state(facts: &Facts<'_>) -> Markup {
    let ended = facts.ended();
    let skipped = facts.recorded.run.skipped.len() as u64;
    let notes = facts.recorded.run.preflight.iter();
    let noisy = notes
        .filter(|note| note.severity == Severity::Noisy)
        .count() as u64;
    html! {
        ul.state {
            @if ended.verified == ended.planned && ended.planned > 0 {
                li.good { "All " (quantity::count(ended.planned, "trial")) " measured, every output verified" }
            } @else {
                li.warn { (quantity::grouped(ended.verified)) " of " (quantity::count(ended.planned, "trial")) " measured and verified" (lost(&ended)) }
            }
            @if facts.samples() > 0 { li { (quantity::count(facts.samples(), "sample")) } }
            @if noisy > 0 { li.warn { (quantity::count(noisy, "reason")) " to doubt small differences" } }
            @if skipped > 0 { li.warn { (quantity::grouped(skipped)) " left out" } }
            @if facts.recorded.unreadable_lines > 0 {
                li.warn { (quantity::count(facts.recorded.unreadable_lines as u64, "line")) " of the record could not be read" }
            }
        }
    }
}

fn lost(ended: &Ended) -> String {
    let parts: Vec<String> = [
        (ended.failed, "failed"),
        (ended.wrong_output, "gave a wrong output"),
        (ended.unsupported, "unsupported"),
        (ended.not_reached, "not reached"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", quantity::grouped(*count)))
    .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(" ({})", parts.join(", ")),
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

/// Length of a bar on a logarithmic scale that leaves the shortest one visible.
fn share(median: Option<f64>, least: f64, most: f64) -> u32 {
    let decades = (most / least).ln().max(1e-9);
    let share = median.map_or(0.0, |m| (m / least).ln() / decades);
    (8.0 + 92.0 * share).round() as u32
}

pub(super) fn kind_class(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Native => "native",
        TargetKind::Wasm => "wasm",
        TargetKind::Container => "container",
    }
}

/// A ratio for a cell, dimmed where it shows nothing.
pub(super) fn times(against: &Against) -> Markup {
    let interval = against.ratio.ci95;
    html! {
        @match against.difference {
            Difference::Shown => {
                (quantity::ratio(against.ratio.ratio))
                @if let Some(ci) = interval { i { (range(ci)) } }
            }
            Difference::NotShown => {
                span.dim { (quantity::ratio(against.ratio.ratio)) }
                @if let Some(ci) = interval { i { (range(ci)) } }
                i { "no difference shown" }
            }
        }
    }
}

fn range(interval: Interval) -> String {
    quantity::ratio_interval(interval)
}

/// A name that a narrow column breaks after its slashes and pluses rather than within a word.
fn breakable(name: &str) -> Markup {
    html! { @for part in name.split_inclusive(['/', '+']) { (part) wbr; } }
}
