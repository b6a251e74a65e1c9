//! Suites that count rather than time: memory, density, size. The main chart, then all numbers, then the counting rule.

use maud::{Markup, PreEscaped, html};
use plimsoll_analysis::columns::{Table, rule, tables};
use plimsoll_record::run::WorkloadRecord;
use plimsoll_record::{Boundary, Suite, TargetId};

use super::density;
use crate::facts::Facts;
use crate::page::parts::{Place, Section, without};
use crate::page::parts::{heading, in_words};
use crate::page::tables::{MatrixLine, every_row, matrix};
use crate::picture::canvas::Caption;
use crate::picture::dots::{Dot, dots};
use crate::picture::ladder::Layout;
use crate::picture::scale::Axis;
use crate::quantity;
use crate::suites;

/// The run's tables that have content, with their workloads.
fn shown<'f>(facts: &Facts<'f>) -> Vec<(&'f WorkloadRecord, &'static Table)> {
    let workloads = facts.workloads();
    let all = tables(facts.recorded.run.suite).iter().flat_map(|table| {
        let workloads = workloads.iter();
        workloads.map(move |workload| (*workload, table))
    });
    all.filter(|(workload, table)| !targets(facts, workload, table).is_empty())
        .collect()
}

/// The question and the run's sentences.
pub(crate) fn summary(facts: &Facts<'_>, place: &Place<'_>) -> Markup {
    let question = suites::question(facts.recorded.run.suite);
    html! {
        (heading(facts, place, question.asked, question.subject))
        section.glance aria-label=(place.label("In words")) { (in_words(&suites::sentences(facts))) }
    }
}

/// The targets with a row in a table's first column, its main subject.
fn targets<'f>(facts: &Facts<'f>, workload: &WorkloadRecord, table: &Table) -> Vec<&'f TargetId> {
    let all = facts.targets().iter().map(|target| &target.target);
    all.filter(|target| {
        let first = &table.columns[0];
        facts.of_column(&workload.workload, target, first).is_some()
    })
    .collect()
}

/// A chart of each table's first column: at full width for the first workload, side by side for the others.
pub(crate) fn pictures(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let part = place.budget.part(3);
    let mut undrawn = Vec::new();
    let mut drawn: Vec<(Markup, Vec<Markup>)> = Vec::new();
    let mut last: Option<&Table> = None;
    for (n, (workload, table)) in shown(facts).into_iter().enumerate() {
        let picture = Picture::of(facts, workload, table, n);
        if last == Some(table)
            && let Some((_, others)) = drawn.last_mut()
        {
            match part.draw(|| picture.beside(place)) {
                Some(picture) => others.push(picture),
                None => undrawn.push(&workload.workload),
            }
        } else if let Some(lead) = picture.lead(place) {
            drawn.push((lead, Vec::new()));
            last = Some(table);
        }
    }
    if drawn.is_empty() {
        return None;
    }
    let body = html! {
        ul.legend {
            @for (kind, name) in [("native", "native process"), ("wasm", "WebAssembly engine"), ("container", "container")] {
                li { span.swatch.(kind) {} span { (name) } }
            }
        }
        @for (lead, others) in &drawn {
            (lead)
            @if !others.is_empty() { div.multiples { @for picture in others { (picture) } } }
        }
        (without(facts, "Not drawn", &undrawn))
        @if facts.recorded.run.suite == Suite::Density { (density::lines(facts, place)) }
    };
    Some(Section {
        id: "picture",
        title: "At a glance",
        body,
    })
}

/// The chart of a workload's first column.
struct Picture<'f> {
    lines: Vec<Dot<'f>>,
    workload: &'f WorkloadRecord,
    table: &'static Table,
    /// Keeps ids unique.
    number: usize,
}

impl<'f> Picture<'f> {
    fn of(
        facts: &'f Facts<'_>,
        workload: &'f WorkloadRecord,
        table: &'static Table,
        number: usize,
    ) -> Self {
        let lines = targets(facts, workload, table)
            .into_iter()
            .filter_map(|target| {
                let row = facts.of_column(&workload.workload, target, &table.columns[0])?;
                let kind = facts.kind(target);
                Some(Dot { row, kind })
            })
            .collect();
        Self {
            lines,
            workload,
            table,
            number,
        }
    }

    /// Drawn on both kinds of axis; `None` if no number can be shown.
    fn draw(&self, place: &Place<'_>, layout: Layout, id: &str) -> Option<Markup> {
        let on = |axis: Axis| {
            let caption = Caption {
                id: place.id(&format!("counted-{}-{id}-{}", self.number, axis.name())),
                title: format!("{}: {}", self.workload.workload, self.table.title),
                description: match axis {
                    Axis::Logarithmic => spoken(&self.lines),
                    Axis::Linear => "The same on a linear axis.".to_owned(),
                },
            };
            dots(&self.lines, &caption, axis, layout).map(PreEscaped)
        };
        on(Axis::Logarithmic)?;
        Some(
            html! { @for axis in Axis::ALL { div.(axis.name()) { @if let Some(drawn) = on(axis) { (drawn) } } } },
        )
    }

    fn caption(&self) -> Markup {
        let column = &self.table.columns[0];
        html! {
            figcaption {
                b { (self.table.title) } " " (self.workload.workload) ": " (column.heading)
                @if column.boundary != Boundary::OnDisk { ", the median and its 95 % interval" }
            }
        }
    }

    /// The full-width version.
    fn lead(&self, place: &Place<'_>) -> Option<Markup> {
        let wide = self.draw(place, Layout::Wide, "wide")?;
        let narrow = self.draw(place, Layout::Narrow, "narrow")?;
        Some(html! {
            figure data-workload=(self.workload.workload) {
                (self.caption())
                div.wide { (wide) }
                div.narrow { (narrow) }
            }
        })
    }

    /// The side-by-side version.
    fn beside(&self, place: &Place<'_>) -> Markup {
        html! {
            @if let Some(drawn) = self.draw(place, Layout::Narrow, "beside") {
                figure data-workload=(self.workload.workload) { (self.caption()) (drawn) }
            }
        }
    }
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

/// All tables, and the counting rule.
pub(crate) fn numbers(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
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
    let part = place.budget.part(2);
    let (mut every, mut undrawn) = (Vec::new(), Vec::new());
    for workload in workloads {
        let what = "levels, intervals, ratios, counts";
        match part.draw(|| every_row(facts, workload, what, false, place)) {
            Some(table) => every.push(table),
            None => undrawn.push(&workload.workload),
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
        @for every in &every { (every) }
        (without(facts, "Levels, ratios, extremes and notes row by row are not", &undrawn))
    };
    Some(Section {
        id: "numbers",
        title: "The numbers",
        body,
    })
}

/// Targets by column.
fn by_column(
    facts: &Facts<'_>,
    workload: &WorkloadRecord,
    table: &Table,
    place: &Place<'_>,
) -> Markup {
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
