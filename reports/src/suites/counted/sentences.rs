//! Sentences of counted suites, computed from the first column of each table.

use plimsoll_analysis::Row;
use plimsoll_analysis::columns::{Column, Table, tables};
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, WorkloadId};

use crate::facts::{Difference, Facts};
use crate::quantity;

use crate::facts::median;

/// Sentences of the summary, most important first: for each table's first workload, and the differences of the others.
pub(crate) fn sentences(facts: &Facts<'_>) -> Vec<String> {
    let mut said = Vec::new();
    for table in tables(facts.recorded.run.suite) {
        let all: Vec<(&WorkloadId, Vec<&Row>)> = facts
            .workloads()
            .into_iter()
            .map(|w| (&w.workload, ranked(facts, &w.workload, &table.columns[0])))
            .filter(|(_, rows)| !rows.is_empty())
            .collect();
        let Some((workload, rows)) = all.first() else {
            continue;
        };
        said.extend(ends(facts, workload, table, rows));
        said.extend(kinds(facts, workload, table, rows));
        said.extend(over_workloads(facts, table, &all));
        said.extend(ours(facts, workload, table, rows));
    }
    if said.is_empty() {
        said.push("Nothing was measured that could be compared.".to_owned());
    }
    said
}

/// Range over the workloads of the ratio of the smallest container to the smallest Wasm target.
fn over_workloads(
    facts: &Facts<'_>,
    table: &Table,
    all: &[(&WorkloadId, Vec<&Row>)],
) -> Option<String> {
    let mut ratios: Vec<(f64, &WorkloadId)> = all
        .iter()
        .filter_map(|(workload, rows)| {
            let best = |kind| rows.iter().find(|row| facts.kind(&row.target) == kind);
            let (wasm, container) = (best(TargetKind::Wasm)?, best(TargetKind::Container)?);
            let ratio = median(container) / median(wasm);
            ratio.is_finite().then_some((ratio, *workload))
        })
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (least, most) = (ratios.first()?, ratios.last()?);
    (ratios.len() > 1).then(|| {
        format!(
            "Over {} workloads ({}) the least container takes from {} ({}) to {} ({}) as much as the least Wasm target.",
            ratios.len(),
            table.title,
            quantity::ratio(least.0),
            least.1,
            quantity::ratio(most.0),
            most.1
        )
    })
}

/// The rows of a column with a number, smallest first.
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

/// The targets that take least and most.
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

/// The smallest container compared with the smallest Wasm target.
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

/// The result of this project's own engine.
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
        // Sizes on disk are exact.
        _ if less.boundary == Boundary::OnDisk && median(more) > median(less) => {
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

/// Ratio of two rows; `None` if the denominator is zero.
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
