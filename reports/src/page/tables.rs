//! Tables of all numbers with their intervals.

use maud::{Markup, html};
use plimsoll_analysis::columns::{TICKS, TICKS_RULE};
use plimsoll_analysis::marks::MARK;
use plimsoll_analysis::statistics::Interval;
use plimsoll_analysis::{Row, Status};
use plimsoll_record::run::WorkloadRecord;
use plimsoll_record::{Metric, TargetId};

use super::parts::{Place, Section, without};
use crate::facts::{Difference, Facts};
use crate::page::parts::times;
use crate::quantity;

pub(crate) fn section(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let workloads = facts.workloads();
    if workloads.is_empty() {
        return None;
    }
    let lead = facts.lead().map(|lead| &lead.workload);
    let part = place.budget.part(2);
    let mut undrawn = Vec::new();
    let tables: Vec<(&WorkloadRecord, Option<Markup>)> = workloads
        .iter()
        .map(|&workload| {
            let open = Some(&workload.workload) == lead && workloads.len() == 1;
            let every =
                part.draw(|| every_row(facts, workload, "intervals, ratios, counts", open, place));
            if every.is_none() {
                undrawn.push(&workload.workload);
            }
            (workload, every)
        })
        .collect();
    let body = html! {
        p {
            "Medians over trials of each trial's median, with 95 % bootstrap intervals. Ratios are taken within the run, at the same boundary; "
            "they are dimmed where no difference is shown after correction for all of them (Holm): how large one could still be is what the interval says. "
            "Tables scroll sideways where they must."
        }
        @for (workload, every) in &tables {
            div data-workload=(workload.workload) {
                h3 { (workload.workload) " " span.dim { (workload.title) } }
                (by_boundary(facts, workload, place))
                @if facts.has_ticks(&workload.workload) { (ticks(facts, workload, place)) }
                @if let Some(every) = every { (every) }
            }
        }
        (without(facts, "Ratios, extremes and notes row by row are not", &undrawn))
    };
    Some(Section {
        id: "numbers",
        title: "The numbers",
        body,
    })
}

/// All rows of a workload, collapsed.
pub(crate) fn every_row(
    facts: &Facts<'_>,
    workload: &WorkloadRecord,
    what: &str,
    open: bool,
    place: &Place<'_>,
) -> Markup {
    html! {
        details data-workload=(workload.workload) open[open] {
            summary { "Every row of " (workload.workload) ": " (what) }
            (rows(facts, workload, place))
        }
    }
}

/// Targets by boundary: medians only, for an overview.
fn by_boundary(facts: &Facts<'_>, workload: &WorkloadRecord, place: &Place<'_>) -> Markup {
    let boundaries = facts.boundaries(&workload.workload);
    let lines: Vec<MatrixLine<'_>> = facts
        .targets()
        .iter()
        .map(|target| &target.target)
        .map(|target| -> MatrixLine<'_> {
            let cells = boundaries.iter();
            let cells = cells.map(|&boundary| facts.wall(&workload.workload, target, boundary));
            (target, cells.collect())
        })
        .filter(|(_, cells)| cells.iter().any(Option::is_some))
        .collect();
    let headings: Vec<_> = boundaries.iter().map(|b| (b.name(), b.meaning())).collect();
    let label = format!("Medians of {}", workload.workload);
    matrix(&place.label(&label), &headings, &lines)
}

/// Step times that a program reports for its own loop.
fn ticks(facts: &Facts<'_>, workload: &WorkloadRecord, place: &Place<'_>) -> Markup {
    let columns = TICKS.columns;
    let lines: Vec<MatrixLine<'_>> = facts
        .targets()
        .iter()
        .map(|target| -> MatrixLine<'_> {
            let row = |column| facts.of_column(&workload.workload, &target.target, column);
            (&target.target, columns.iter().map(row).collect())
        })
        .filter(|(_, cells)| cells.iter().any(Option::is_some))
        .collect();
    let headings: Vec<_> = columns
        .iter()
        .map(|c| (c.heading, c.boundary.meaning()))
        .collect();
    let label = format!("{}, {}", workload.workload, TICKS.title);
    html! {
        p { b { (TICKS.title) } ". " (TICKS_RULE) }
        (matrix(&place.label(&label), &headings, &lines))
    }
}

/// A target and the row shown in each of its cells.
pub(crate) type MatrixLine<'f> = (&'f TargetId, Vec<Option<&'f Row>>);

/// Targets by `headings` (with explanations): medians with their intervals.
pub(crate) fn matrix(label: &str, headings: &[(&str, &str)], lines: &[MatrixLine<'_>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table.matrix {
                caption.unseen { (label) }
                thead { tr {
                    th scope="col" { "target" }
                    @for (heading, meaning) in headings { th scope="col" title=(meaning) { (heading) } }
                } }
                tbody {
                    @for (target, cells) in lines {
                        tr {
                            th scope="row" { (target) }
                            @for row in cells { (cell(*row)) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(row: Option<&Row>) -> Markup {
    html! {
        @match row {
            // The style sheet puts a dot in empty cells, which do not apply.
            None => td {},
            Some(row) => td {
                @match row.median {
                    Some(_) if row.at_most().is_some() => (quantity::at_most(row)),
                    Some(median) => {
                        (quantity::value(median, row.unit)) (mark(row))
                        @if let Some([low, high]) = row.ci95
                            && quantity::value(low, row.unit) != quantity::value(high, row.unit)
                        {
                            i { (quantity::interval(Interval { low, high }, row.unit)) }
                        }
                    }
                    None => span.status { (status(row.status)) }
                }
            },
        }
    }
}

/// The mark in a row's note, if any.
fn mark(row: &Row) -> Markup {
    let note = row.note.as_deref().filter(|note| note.starts_with(MARK));
    html! { @if let Some(note) = note { sup title=(note) { (MARK) } } }
}

/// A status as text.
pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Unsupported => "unsupported",
        Status::Failed => "failed",
        Status::WrongOutput => "wrong output",
    }
}

/// A metric as text.
pub(crate) fn metric_in_words(metric: Metric) -> &'static str {
    match metric {
        Metric::WallTime => "wall",
        Metric::CpuTime => "CPU",
        Metric::CycleTime => "cycle",
        other => other.name(),
    }
}

/// Whether a row differs significantly from none of its references.
fn is_same(facts: &Facts<'_>, row: &Row, references: &[&TargetId]) -> bool {
    let held = references.iter();
    let mut held = held
        .filter_map(|reference| facts.against(row, reference))
        .peekable();
    held.peek().is_some() && held.all(|against| against.difference == Difference::NotShown)
}

fn rows(facts: &Facts<'_>, workload: &WorkloadRecord, place: &Place<'_>) -> Markup {
    let references: Vec<&TargetId> = [facts.native(), facts.container()]
        .into_iter()
        .flatten()
        .map(|target| &target.target)
        .collect();
    let rows: Vec<&Row> = facts
        .rows
        .iter()
        .filter(|row| row.workload == workload.workload)
        .collect();
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Every row of " (workload.workload) ", " (place.id("rows")) } {
            table.rows {
                caption.unseen { "Every row of " (workload.workload) }
                thead { tr {
                    th scope="col" { "target" }
                    th scope="col" { "at" }
                    th scope="col" { "time" }
                    th.n scope="col" { "median, 95 % interval" }
                    @for reference in &references { th.n scope="col" { "times " (reference) } }
                    th.n scope="col" { "p99" }
                    th.n scope="col" { "min" }
                    th.n scope="col" { "max" }
                    th.n scope="col" { "trials" }
                    th.n scope="col" { "samples" }
                    th scope="col" { "note" }
                } }
                tbody {
                    @for row in rows {
                        @let time = |value: Option<f64>| value.map(|value| quantity::value(value, row.unit));
                        tr.same[is_same(facts, row, &references)] {
                            th scope="row" { (row.target) }
                            td { (row.boundary) @if let Some(at) = row.at { " " (quantity::grouped(at)) } }
                            td { (metric_in_words(row.metric)) }
                            td.n {
                                @match time(row.median) {
                                    Some(median) => {
                                        (median) (mark(row))
                                        @if let Some([low, high]) = row.ci95 {
                                            i { (quantity::interval(Interval { low, high }, row.unit)) }
                                        }
                                    }
                                    None => span.status { (status(row.status)) }
                                }
                            }
                            @for reference in &references {
                                td.n { @if let Some(against) = facts.against(row, reference) { (times(against)) } }
                            }
                            td.n { (time(row.p99).unwrap_or_default()) }
                            td.n { (time(row.min).unwrap_or_default()) }
                            td.n { (time(row.max).unwrap_or_default()) }
                            td.n { (quantity::grouped(row.trials.into())) }
                            td.n { (quantity::grouped(row.samples.into())) }
                            td.note { (row.note.as_deref().unwrap_or_default()) }
                        }
                    }
                }
            }
        }
    }
}
