//! Sentences of the suite `neighbours`.

use plimsoll_analysis::Row;
use plimsoll_record::{Boundary, Metric, TargetId, WorkloadId};

use crate::facts::{Facts, median};
use crate::quantity;

/// For every target its worst neighbour by p99, beside the least harmful one and beside itself under a quota.
pub(crate) fn sentences(facts: &Facts<'_>) -> Vec<String> {
    let targets = facts.targets().iter();
    let said: Vec<String> = targets
        .filter_map(|target| sentence(facts, &target.target))
        .collect();
    match said.is_empty() {
        true => vec!["Nothing was measured that could be compared.".to_owned()],
        false => said,
    }
}

fn p99<'f>(
    facts: &'f Facts<'_>,
    target: &TargetId,
    workload: &WorkloadId,
    boundary: Boundary,
) -> Option<&'f Row> {
    facts.rows.iter().find(|row| {
        row.target == *target
            && row.workload == *workload
            && (row.boundary, row.metric, row.at) == (boundary, Metric::P99, None)
            && row.median.is_some()
    })
}

fn sentence(facts: &Facts<'_>, target: &TargetId) -> Option<String> {
    let workloads = facts.workloads().into_iter();
    let mut rows: Vec<&Row> = workloads
        .filter_map(|one| p99(facts, target, &one.workload, Boundary::Beside))
        .collect();
    rows.sort_by(|a, b| median(a).total_cmp(&median(b)));
    let (least, most) = (rows.first()?, rows.last()?);
    let figure = |row: &Row| quantity::value(median(row), row.unit);
    let limited = p99(facts, target, &most.workload, Boundary::BesideLimited);
    let limited = limited.map_or_else(String::new, |row| {
        format!(", and {} under a quota", figure(row))
    });
    Some(format!(
        "The server's p99 latency was {} beside {} on {target}{limited}; beside {} it was {}.",
        figure(most),
        most.workload,
        least.workload,
        figure(least),
    ))
}
