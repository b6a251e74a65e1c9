//! What is counted rather than timed: memory, density, size. A picture of what matters most, then
//! every number, then the rule by which it was counted.

use maud::{Markup, PreEscaped, html};
use plimsoll_analysis::columns::{Table, rule, tables};
use plimsoll_record::run::WorkloadRecord;
use plimsoll_record::{Boundary, Suite, TargetId};

use super::summary::{heading, in_words};
use super::tables::{MatrixLine, matrix, rows};
use super::{Place, Section, density};
use crate::facts::Facts;
use crate::headline;
use crate::picture::canvas::Caption;
use crate::picture::dots::{Dot, dots};
use crate::picture::ladder::Layout;
use crate::picture::scale::Axis;
use crate::quantity;

/// The tables of the run that have something in them: of which workload, and which.
fn shown<'f>(facts: &Facts<'f>) -> Vec<(&'f WorkloadRecord, &'static Table)> {
    let workloads = facts.workloads();
    let all = tables(facts.recorded.run.suite).iter().flat_map(|table| {
        let workloads = workloads.iter();
        workloads.map(move |workload| (*workload, table))
    });
    all.filter(|(workload, table)| !targets(facts, workload, table).is_empty())
        .collect()
}

/// The question, and what the run says to it in words.
pub(super) fn summary(facts: &Facts<'_>, place: &Place) -> Markup {
    let question = headline::question(facts.recorded.run.suite);
    html! {
        (heading(facts, place, question.asked, question.subject))
        section.glance aria-label=(place.label("In words")) { (in_words(&headline::counted(facts))) }
    }
}

/// The targets that have a row in the first column, which is what a table is about.
fn targets<'f>(facts: &Facts<'f>, workload: &WorkloadRecord, table: &Table) -> Vec<&'f TargetId> {
    let all = facts.targets().iter().map(|target| &target.target);
    all.filter(|target| {
        let first = &table.columns[0];
        facts.of_column(&workload.workload, target, first).is_some()
    })
    .collect()
}

/// A picture of each table's first column.
pub(super) fn pictures(facts: &Facts<'_>, place: &Place) -> Option<Section> {
    let drawn: Vec<(String, Markup)> = shown(facts)
        .into_iter()
        .enumerate()
        .filter_map(|(n, (workload, table))| {
            let lines: Vec<Dot<'_>> = targets(facts, workload, table)
                .into_iter()
                .filter_map(|target| {
                    let row = facts.of_column(&workload.workload, target, &table.columns[0])?;
                    let kind = facts.kind(target);
                    Some(Dot { row, kind })
                })
                .collect();
            let title = format!("{}: {}", workload.workload, table.title);
            let draw = |layout, id: &str| {
                let on = |axis: Axis| {
                    let caption = Caption {
                        id: place.id(&format!("counted-{n}-{id}-{}", axis.name())),
                        title: title.clone(),
                        description: spoken(&lines),
                    };
                    dots(&lines, &caption, axis, layout).map(PreEscaped)
                };
                on(Axis::Logarithmic)?;
                Some(html! { @for axis in Axis::ALL { div.(axis.name()) { @if let Some(drawn) = on(axis) { (drawn) } } } })
            };
            let wide = draw(Layout::Wide, "wide")?;
            let narrow = draw(Layout::Narrow, "narrow")?;
            let body = html! {
                figure data-workload=(workload.workload) {
                    figcaption { b { (table.title) } (workload.workload) ": " (table.columns[0].heading) @if table.columns[0].boundary != Boundary::Rest { ", the median and its 95 % interval" } }
                    div.wide { (wide) }
                    div.narrow { (narrow) }
                }
            };
            Some((title, body))
        })
        .collect();
    if drawn.is_empty() {
        return None;
    }
    let body = html! {
        ul.legend {
            @for (kind, name) in [("native", "native process"), ("wasm", "WebAssembly engine"), ("container", "container")] {
                li { span.swatch.(kind) {} span { (name) } }
            }
        }
        @for (_, picture) in &drawn { (picture) }
        @if facts.recorded.run.suite == Suite::Density { (density::lines(facts, place)) }
    };
    Some(Section {
        id: "picture",
        title: "At a glance",
        body,
    })
}

fn spoken(lines: &[Dot<'_>]) -> String {
    let each = lines.iter().map(|line| match line.row.median {
        Some(median) => {
            let figure = quantity::value(median, line.row.unit);
            format!("{}: {figure}", line.row.target)
        }
        None => format!("{}: no number", line.row.target),
    });
    each.collect::<Vec<_>>().join("; ")
}

/// Every table, and the rule.
pub(super) fn numbers(facts: &Facts<'_>, place: &Place) -> Option<Section> {
    let suite = facts.recorded.run.suite;
    let shown = shown(facts);
    if shown.is_empty() {
        return None;
    }
    let mut workloads: Vec<&WorkloadRecord> = Vec::new();
    for (workload, _) in &shown {
        if !workloads.iter().any(|w| w.workload == workload.workload) {
            workloads.push(workload);
        }
    }
    let body = html! {
        @if let Some(rule) = rule(suite) { p { b { "The rule. " } (rule) } }
        @if facts.rows.iter().any(|row| row.at_most().is_some()) {
            p { b { "At most: " } "chance has put the slope below nothing; given is the upper end of its interval. Every row has the slope as it was fitted." }
        }
        @for (workload, table) in &shown {
            div data-workload=(workload.workload) {
                h3 { (workload.workload) ": " (table.title) " " span.dim { (workload.title) } }
                (by_column(facts, workload, table, place))
            }
        }
        @for workload in &workloads {
            details data-workload=(workload.workload) {
                summary { "Every row of " (workload.workload) ": levels, intervals, ratios, counts" }
                (rows(facts, workload, place))
            }
        }
    };
    Some(Section {
        id: "numbers",
        title: "The numbers",
        body,
    })
}

/// Target by column.
fn by_column(facts: &Facts<'_>, workload: &WorkloadRecord, table: &Table, place: &Place) -> Markup {
    let lines: Vec<MatrixLine<'_>> = targets(facts, workload, table)
        .into_iter()
        .map(|target| {
            let cells = table.columns.iter();
            let cells = cells.map(|column| facts.of_column(&workload.workload, target, column));
            (target, cells.collect())
        })
        .collect();
    let columns = table.columns.iter();
    let headings: Vec<_> = columns.map(|c| (c.heading, c.boundary.meaning())).collect();
    let label = format!("{}, {}", workload.workload, table.title);
    matrix(&place.label(&label), &headings, &lines)
}
