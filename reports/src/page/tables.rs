//! Every number with its interval.

use maud::{Markup, html};
use plimsoll_analysis::marks::MARK;
use plimsoll_analysis::statistics::Interval;
use plimsoll_analysis::{Row, Status};
use plimsoll_record::run::WorkloadRecord;
use plimsoll_record::{Metric, TargetId};

use super::summary::times;
use super::{Place, Section};
use crate::facts::{Difference, Facts};
use crate::quantity;

pub(super) fn section(facts: &Facts<'_>, place: &Place) -> Option<Section> {
    let workloads = facts.workloads();
    if workloads.is_empty() {
        return None;
    }
    let lead = facts.lead().map(|lead| &lead.workload);
    let body = html! {
        p {
            "Medians over trials of each trial's median, with 95 % bootstrap intervals. Ratios are taken within the run, at the same boundary; "
            "they are dimmed where no difference is shown after correction for all of them. Tables scroll sideways where they must."
        }
        @for workload in &workloads {
            div data-workload=(workload.workload) {
                h3 { (workload.workload) " " span.dim { (workload.title) } }
                (by_boundary(facts, workload, place))
                details open[Some(&workload.workload) == lead && workloads.len() == 1] {
                    summary { "Every row of " (workload.workload) ": intervals, ratios, counts" }
                    (rows(facts, workload, place))
                }
            }
        }
    };
    Some(Section {
        id: "numbers",
        title: "The numbers",
        body,
    })
}

/// Target by boundary: medians alone, to be taken in at a glance.
fn by_boundary(facts: &Facts<'_>, workload: &WorkloadRecord, place: &Place) -> Markup {
    let boundaries = facts.boundaries(&workload.workload);
    let lines: Vec<MatrixLine<'_>> = facts
        .targets()
        .iter()
        .map(|target| &target.target)
        .filter(|target| {
            let mut rows = facts.rows.iter();
            rows.any(|row| row.target == **target && row.workload == workload.workload)
        })
        .map(|target| {
            let cells = boundaries.iter();
            let cells = cells.map(|&boundary| facts.wall(&workload.workload, target, boundary));
            (target, cells.collect())
        })
        .collect();
    let headings: Vec<_> = boundaries.iter().map(|b| (b.name(), b.meaning())).collect();
    let label = format!("Medians of {}", workload.workload);
    matrix(&place.label(&label), &headings, &lines)
}

/// A target, and the row that each of its cells shows.
pub(super) type MatrixLine<'f> = (&'f TargetId, Vec<Option<&'f Row>>);

/// Target by what `headings` say (with what they mean): medians with their intervals.
pub(super) fn matrix(label: &str, headings: &[(&str, &str)], lines: &[MatrixLine<'_>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table.matrix {
                caption.unseen { (label) }
                thead { tr {
                    th scope="col" { "target" }
                    @for (heading, meaning) in headings { th.n scope="col" title=(meaning) { (heading) } }
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
            None => td.n.dim { span aria-hidden="true" { "·" } span.unseen { "does not apply" } },
            Some(row) => td.n {
                @match row.median {
                    Some(_) if row.at_most().is_some() => (quantity::at_most(row)),
                    Some(median) => {
                        (quantity::value(median, row.unit)) (mark(row))
                        @if let Some([low, high]) = row.ci95
                            && quantity::value(low, row.unit) != quantity::value(high, row.unit)
                        {
                            span.ci { (quantity::interval(Interval { low, high }, row.unit)) }
                        }
                    }
                    None => span.status { (status(row.status)) }
                }
            },
        }
    }
}

/// The mark of a row that carries one in its note.
fn mark(row: &Row) -> Markup {
    let note = row.note.as_deref().filter(|note| note.starts_with(MARK));
    html! { @if let Some(note) = note { sup title=(note) { (MARK) } } }
}

/// A status in words.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Unsupported => "unsupported",
        Status::Failed => "failed",
        Status::WrongOutput => "wrong output",
    }
}

/// A metric in words.
pub(super) fn metric_in_words(metric: Metric) -> &'static str {
    match metric {
        Metric::WallTime => "wall",
        Metric::CpuTime => "CPU",
        Metric::CycleTime => "cycle",
        other => other.name(),
    }
}

/// Whether a row differs from none of the references that it can be held against.
fn is_same(facts: &Facts<'_>, row: &Row, references: &[&TargetId]) -> bool {
    let held = references.iter();
    let mut held = held
        .filter_map(|reference| facts.against(row, reference))
        .peekable();
    held.peek().is_some() && held.all(|against| against.difference == Difference::NotShown)
}

pub(super) fn rows(facts: &Facts<'_>, workload: &WorkloadRecord, place: &Place) -> Markup {
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
                                            span.ci { (quantity::interval(Interval { low, high }, row.unit)) }
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
