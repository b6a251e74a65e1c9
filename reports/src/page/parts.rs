//! Building blocks of pages: headings, ids, sections, cells.

use maud::{Markup, html};
use plimsoll_analysis::statistics::Interval;
use plimsoll_record::WorkloadId;
use plimsoll_record::run::{Severity, TargetKind};
use time::macros::format_description;

use super::size_budget::SizeBudget;
use crate::cost::Prices;
use crate::facts::{Against, Difference, Ended, Facts};
use crate::quantity::{self, list};
use crate::shell;

/// Names the workloads that did not fit into this page, and the command that shows them.
pub(crate) fn without(facts: &Facts<'_>, what: &str, workloads: &[&WorkloadId]) -> Markup {
    let Some(first) = workloads.first() else {
        return html! {};
    };
    let directory = facts.recorded.directory.file_name();
    let directory = directory.map_or_else(
        || facts.recorded.run.id.clone(),
        |name| name.to_string_lossy().into_owned(),
    );
    let names: Vec<String> = workloads.iter().map(ToString::to_string).collect();
    html! {
        p.without {
            (what) " here, so that this file stays one that a mail carries: " (list(&names)) ". "
            "Of each there is a page with everything in it: "
            code { "bench report " (shell::word(&format!("results/{directory}"))) " --workload " (shell::word(first.as_str())) " --html " (shell::word(&format!("{first}.html"))) }
        }
    }
}

/// Position of a run on the page; it keeps ids unique.
pub(crate) struct Place<'p> {
    pub(crate) number: usize,
    pub(crate) of: usize,
    /// Earlier runs on the page.
    pub(crate) earlier: &'p [Facts<'p>],
    /// Size budget for optional parts.
    pub(crate) budget: &'p SizeBudget,
    /// The price of a machine.
    pub(crate) prices: &'p Prices,
}

impl Place<'_> {
    /// An id that is unique to this run.
    pub(crate) fn id(&self, name: &str) -> String {
        match self.of {
            1 => name.to_owned(),
            _ => format!("run{}-{name}", self.number),
        }
    }

    /// The ids that label a section: its heading, and its run if the page has several.
    pub(crate) fn named_by(&self, section: &str) -> String {
        match self.of {
            1 => format!("{section}-h"),
            _ => format!("{}-h {}", self.id(section), self.id("title")),
        }
    }

    /// A label that is unique to this run.
    pub(crate) fn label(&self, name: &str) -> String {
        match self.of {
            1 => name.to_owned(),
            _ => format!("{name}, run {}", self.number),
        }
    }
}

/// One section in a run's table of contents.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) body: Markup,
}

/// A run's sentences.
pub(crate) fn in_words(sentences: &[String]) -> Markup {
    html! {
        div.words {
            h2 { "In words" }
            ul {
                @for sentence in sentences { li { (sentence) } }
                li.bias {
                    "This project also makes one of the engines it can measure; "
                    a href="#bias" { "what we do about it" } "."
                }
            }
        }
    }
}

/// The run's question and subject as a heading.
pub(crate) fn heading(facts: &Facts<'_>, place: &Place<'_>, question: &str, what: &str) -> Markup {
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

/// Number of targets in the run, and what was tested.
fn asked(facts: &Facts<'_>) -> (u64, String) {
    if let Some(matrix) = &facts.analysed.matrix {
        let groups = matrix.specification.groups.len() as u64;
        let targets = matrix.targets.len() as u64;
        return (targets, quantity::count(groups, "group") + " of tests");
    }
    if let Some(answers) = &facts.analysed.answers {
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

/// One line on what was measured of the plan, with every warning.
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

pub(crate) fn kind_class(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Native => "native",
        TargetKind::Wasm => "wasm",
        TargetKind::Container => "container",
    }
}

/// A ratio for a cell, dimmed if not significant.
pub(crate) fn times(against: &Against) -> Markup {
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
