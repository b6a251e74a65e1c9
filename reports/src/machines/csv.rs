//! Rows over machines as CSV.

use plimsoll_analysis::machines::across::{Across, AcrossRow, OnMachine, Pooled};
use plimsoll_analysis::statistics::clustered::Method;

use crate::data::Columns;

/// One line per row and machine, then one per row and machine type. `min` and `max` are of the machines' medians;
/// ratios have the unit `ratio`; spreads are standard deviations of logarithms.
pub(crate) fn of_machines(across: &Across) -> Columns {
    let columns = vec![
        "suite",
        "workload",
        "target",
        "boundary",
        "metric",
        "at",
        "unit",
        "median",
        "ci95_low",
        "ci95_high",
        "min",
        "max",
        "trials",
        "status",
        "note",
        "over",
        "variant",
        "machine",
        "machine_type",
        "machines",
        "method",
        "spread_machines",
        "spread_trials",
        "spread_within",
    ];
    let mut lines = Vec::new();
    for row in &across.rows {
        for one in &row.by_machine {
            lines.push([of_row(row), on_machine(across, one)].concat());
        }
        for pooled in &row.pooled {
            lines.push([of_row(row), of_pooled(across, row, pooled)].concat());
        }
    }
    (columns, lines)
}

fn of_row(row: &AcrossRow) -> Vec<String> {
    vec![
        row.suite.to_string(),
        row.workload.to_string(),
        row.target.to_string(),
        row.boundary.to_string(),
        row.metric.to_string(),
        row.at.map(|at| at.to_string()).unwrap_or_default(),
        row.unit
            .map_or_else(|| "ratio".to_owned(), |unit| unit.to_string()),
    ]
}

fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn on_machine(across: &Across, one: &OnMachine) -> Vec<String> {
    let machine = &across.fleet.machines[one.machine];
    let status = match one.median {
        Some(_) => "ok",
        None => "failed",
    };
    vec![
        number(one.median),
        number(one.ci95.map(|ci| ci[0])),
        number(one.ci95.map(|ci| ci[1])),
        String::new(),
        String::new(),
        one.trials.to_string(),
        status.to_owned(),
        one.note.clone().unwrap_or_default(),
        String::new(),
        String::new(),
        machine.name.clone(),
        across.fleet.types[machine.machine_type].to_string(),
        "1".to_owned(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    ]
}

fn of_pooled(across: &Across, row: &AcrossRow, pooled: &Pooled) -> Vec<String> {
    let spread = |of: fn(&plimsoll_analysis::statistics::Components) -> Option<f64>| {
        number(pooled.spread.as_ref().and_then(of))
    };
    let of_type = match pooled.machine_type {
        Some(place) => across.fleet.types[place].to_string(),
        None => "unlike".to_owned(),
    };
    let method = match pooled.method {
        Method::Range => "range",
        Method::Student => "student",
        Method::Hierarchical => "hierarchical",
    };
    vec![
        number(Some(pooled.median)),
        number(pooled.ci95.map(|ci| ci[0])),
        number(pooled.ci95.map(|ci| ci[1])),
        number(Some(pooled.range[0])),
        number(Some(pooled.range[1])),
        String::new(),
        "ok".to_owned(),
        String::new(),
        row.over
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        row.variant.clone().unwrap_or_default(),
        String::new(),
        of_type,
        pooled.machines.to_string(),
        method.to_owned(),
        spread(|spread| spread.machines),
        spread(|spread| spread.trials),
        spread(|spread| spread.within),
    ]
}
