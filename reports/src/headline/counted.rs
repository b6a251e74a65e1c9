//! The sentences of a suite whose rows are counted: each worked out from the first column of one of
//! its tables.

use plimsoll_analysis::Row;
use plimsoll_analysis::columns::{Column, Table, tables};
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Suite, WorkloadId};

use crate::facts::{Difference, Facts};
use crate::quantity;

use super::median;

/// The sentences of the summary, most important first.
pub(crate) fn sentences(facts: &Facts<'_>) -> Vec<String> {
    if facts.recorded.run.suite == Suite::Languages {
        return super::languages::sentences(facts);
    }
    let mut said = Vec::new();
    for table in tables(facts.recorded.run.suite) {
        for workload in facts.workloads() {
            let rows = ranked(facts, &workload.workload, &table.columns[0]);
            said.extend(ends(facts, &workload.workload, table, &rows));
            said.extend(kinds(facts, &workload.workload, table, &rows));
            said.extend(ours(facts, &workload.workload, table, &rows));
        }
    }
    if said.is_empty() {
        said.push("Nothing was measured that could be held against anything.".to_owned());
    }
    said
}

/// The rows of a column that hold a number, the least first.
fn ranked<'f>(facts: &'f Facts<'_>, workload: &WorkloadId, column: &Column) -> Vec<&'f Row> {
    let all = facts.targets().iter();
    let mut rows: Vec<&Row> = all
        .filter_map(|target| facts.of_column(workload, &target.target, column))
        .filter(|row| row.median.is_some())
        .collect();
    rows.sort_by(|a, b| median(a).total_cmp(&median(b)));
    rows
}

fn figure(row: &Row) -> String {
    quantity::value(median(row), row.unit)
}

/// Who takes least and who most.
fn ends(facts: &Facts<'_>, workload: &WorkloadId, table: &Table, rows: &[&Row]) -> Option<String> {
    let (least, most) = (rows.first()?, rows.last()?);
    let what = format!(
        "{} ({}, {workload})",
        title(table),
        table.columns[0].heading
    );
    if rows.len() == 1 {
        return Some(format!("{what}: {} takes {}.", least.target, figure(least)));
    }
    Some(format!(
        "{what}: from {} ({}) to {} ({}){}.",
        figure(least),
        least.target,
        figure(most),
        most.target,
        times(facts, most, least)
            .map(|times| format!(", {times} as much"))
            .unwrap_or_default()
    ))
}

/// The least container beside the least Wasm target.
fn kinds(facts: &Facts<'_>, workload: &WorkloadId, table: &Table, rows: &[&Row]) -> Option<String> {
    let best = |kind| rows.iter().find(|row| facts.kind(&row.target) == kind);
    let (wasm, container) = (best(TargetKind::Wasm)?, best(TargetKind::Container)?);
    let (more, less) = match median(container) >= median(wasm) {
        true => (container, wasm),
        false => (wasm, container),
    };
    Some(format!(
        "Container beside Wasm ({}, {workload}): {} takes {} as much as {}.",
        table.title,
        more.target,
        times(facts, more, less)?,
        less.target
    ))
}

/// Where this project's own engine stands.
fn ours(facts: &Facts<'_>, workload: &WorkloadId, table: &Table, rows: &[&Row]) -> Option<String> {
    let mut wasm = rows
        .iter()
        .filter(|row| facts.kind(&row.target) == TargetKind::Wasm);
    let mine = wasm.clone().find(|row| facts.is_ours(&row.target))?;
    let other = wasm.find(|row| !facts.is_ours(&row.target))?;
    let (more, less) = match median(mine) >= median(other) {
        true => (mine, other),
        false => (other, mine),
    };
    let held = match facts.ratio(more, less).map(|held| held.difference) {
        // What is weighed has no chance in it.
        _ if less.boundary == Boundary::Rest && median(more) > median(less) => {
            format!(
                "{} takes {} as much",
                more.target,
                times(facts, more, less)?
            )
        }
        Some(Difference::NotShown) => "no difference is shown".to_owned(),
        _ => format!(
            "{} takes {} as much",
            more.target,
            times(facts, more, less)?
        ),
    };
    Some(format!(
        "{} is this project's own engine. Beside the least other Wasm target, {} ({}, {workload}): {held}.",
        mine.target.engine(),
        other.target,
        table.title
    ))
}

/// How many times as much one takes as the other; `None` where the other takes nothing.
fn times(facts: &Facts<'_>, of: &Row, to: &Row) -> Option<String> {
    if median(to) <= 0.0 {
        return None;
    }
    let interval = facts.ratio(of, to).and_then(|held| held.ratio.ci95);
    let interval = interval
        .filter(|ends| ends.low < ends.high)
        .map(|ends| format!(" ({})", quantity::ratio_interval(ends)));
    Some(format!(
        "{}{}",
        quantity::ratio(median(of) / median(to)),
        interval.unwrap_or_default()
    ))
}

fn title(table: &Table) -> String {
    let mut letters = table.title.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
