//! Sentences of a languages run.

use plimsoll_analysis::{Row, Status};
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Metric};

use crate::facts::Facts;
use crate::facts::median;
use crate::quantity;
use crate::quantity::list;

/// Sentences of the summary, most important first: where programs run, transfer sizes, and start times by engine.
pub(crate) fn sentences(facts: &Facts<'_>) -> Vec<String> {
    let mut said = vec![everywhere(facts)];
    let mut modules: Vec<&Row> = Vec::new();
    for row in facts.rows {
        let known = |other: &&Row| other.workload == row.workload;
        if row.metric == Metric::ModuleBytes && row.median.is_some() && !modules.iter().any(known) {
            modules.push(row);
        }
    }
    said.extend(ends("The module", modules));
    let mut engines: Vec<&str> = Vec::new();
    for target in facts.targets() {
        let engine = target.target.engine();
        if engines.contains(&engine) {
            continue;
        }
        let rows: Vec<&Row> = facts
            .rows
            .iter()
            .filter(|row| row.target == target.target && is_exit(row) && row.median.is_some())
            .collect();
        if let Some(sentence) = ends(&format!("The task on {}", target.target), rows) {
            engines.push(engine);
            said.push(sentence);
        }
    }
    said
}

fn is_exit(row: &Row) -> bool {
    row.boundary == Boundary::L4 && row.metric == Metric::WallTime
}

/// Whether every program ran with verified output on every Wasm target.
fn everywhere(facts: &Facts<'_>) -> String {
    let rows: Vec<&Row> = facts
        .rows
        .iter()
        .filter(|row| is_exit(row) && facts.kind(&row.target) == TargetKind::Wasm)
        .collect();
    let lost: Vec<String> = rows
        .iter()
        .filter(|row| row.status != Status::Ok)
        .map(|row| format!("{} on {}", row.workload, row.target))
        .collect();
    let pairs = quantity::count(rows.len() as u64, "pair");
    match (rows.is_empty(), lost.is_empty()) {
        (true, _) => "No Wasm target was measured.".to_owned(),
        (_, true) => format!(
            "Every program ran on every Wasm target, and its output was verified ({pairs})."
        ),
        (_, false) => format!(
            "Of {pairs} of a program and a Wasm target {} did not run to a verified output: {}.",
            lost.len(),
            list(&lost)
        ),
    }
}

/// The smallest and largest of `rows`, which differ in their programs.
fn ends(what: &str, mut rows: Vec<&Row>) -> Option<String> {
    rows.sort_by(|a, b| median(a).total_cmp(&median(b)));
    let (least, most) = (rows.first()?, rows.last()?);
    let figure = |row: &Row| {
        let value = quantity::value(median(row), row.unit);
        format!("{value} ({})", row.workload)
    };
    (rows.len() > 1).then(|| format!("{what}: from {} to {}.", figure(least), figure(most)))
}
