//! Results over several machines, as sentences and tables for every report format.
//!
//! # Layout
//!
//! - [`page`]: the section of the HTML report
//! - [`markdown`]: the Markdown section
//! - [`csv`]: all rows for programs

pub(crate) mod csv;
pub(crate) mod markdown;
pub(crate) mod page;

use plimsoll_analysis::Analysed;
use plimsoll_analysis::columns::{TICKS, tables};
use plimsoll_analysis::machines::across::{Across, AcrossRow, Measured, Pooled, across};
use plimsoll_analysis::statistics::Interval;
use plimsoll_analysis::statistics::clustered::Method;
use plimsoll_record::{Boundary, Metric, Suite, WorkloadId};
use serde::Serialize;

use crate::claims::{Claims, Judgement, Verdict, judge_some};
use crate::quantity;

/// Explains tables over machines to readers.
pub const RULE: &str = "Medians over machines of each machine's median over trials. The interval is for machines like these: \
     Student's on logarithms for 3 to 5 machines, resampled over machines and then trials for 6 and more. \
     Two machines and unlike machines have a range and no interval. Spread: standard deviation between machines, between trials of \
     a machine, and within a trial.";

/// Maximum machines with their own column.
const COLUMNS: usize = 8;

/// Several machines, with verdicts on claims by machine.
#[derive(Debug)]
pub struct Machines<'c> {
    /// Rows and machines.
    pub across: Across,
    /// In the order of the claims, without those that no machine can test.
    pub claims: Vec<ByMachine<'c>>,
}

/// A claim's verdict on each machine.
#[derive(Debug, Clone, Serialize)]
pub struct ByMachine<'c> {
    /// Id of the claim.
    pub id: &'c str,
    /// The claim as a sentence.
    #[serde(skip)]
    pub says: &'c str,
    /// One verdict per machine, in the order of the machines.
    pub verdicts: Vec<Verdict>,
}

impl ByMachine<'_> {
    /// `holds on 3 of 4 machines; does not hold on n2`.
    pub fn words(&self, across: &Across) -> String {
        let mut said = Vec::new();
        let of = self.verdicts.len();
        for verdict in Verdict::ALL {
            let places = self
                .verdicts
                .iter()
                .enumerate()
                .filter(|(_, one)| *one == verdict);
            let names: Vec<&str> = places
                .map(|(at, _)| across.fleet.machines[at].name.as_str())
                .collect();
            match (names.len(), verdict) {
                (0, Verdict::Holds) => said.push(format!("holds on 0 of {of} machines")),
                (0, _) => {}
                (count, Verdict::Holds) => said.push(format!("holds on {count} of {of} machines")),
                (count, verdict) if count > NAMED => {
                    said.push(format!("{} on {count}", verdict.words()))
                }
                (_, verdict) => said.push(format!("{} on {}", verdict.words(), names.join(", "))),
            }
        }
        said.join("; ")
    }
}

/// Maximum machines named in a sentence.
const NAMED: usize = 4;

impl<'c> Machines<'c> {
    /// `None` if all of `runs` come from one machine.
    pub fn of(runs: &[Analysed<'_>], claims: &'c Claims) -> Option<Self> {
        let measured: Vec<Measured<'_>> = runs
            .iter()
            .map(|one| Measured {
                run: &one.recorded.run,
                series: one.series.iter().collect(),
            })
            .collect();
        let across = across(&measured)?;
        let by_machine: Vec<Vec<Judgement<'c>>> = across
            .fleet
            .machines
            .iter()
            .map(|machine| {
                let own: Vec<&Analysed<'_>> = machine.runs.iter().map(|&at| &runs[at]).collect();
                judge_some(claims, &own)
            })
            .collect();
        let claims = claims
            .iter()
            .enumerate()
            .map(|(at, (claim, _))| ByMachine {
                id: &claim.id,
                says: &claim.says,
                verdicts: by_machine.iter().map(|judged| judged[at].verdict).collect(),
            })
            .filter(|one| {
                one.verdicts
                    .iter()
                    .any(|verdict| *verdict != Verdict::NotMeasured)
            })
            .collect();
        Some(Self { across, claims })
    }

    /// Describes the machines and how they differ, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let fleet = &self.across.fleet;
        let mut said = vec![format!(
            "{} of {}.",
            quantity::count(fleet.machines.len() as u64, "machine"),
            quantity::count(fleet.types.len() as u64, "type"),
        )];
        for (place, of_type) in fleet.types.iter().enumerate() {
            let machines = fleet
                .machines
                .iter()
                .filter(|machine| machine.machine_type == place);
            let names: Vec<&str> = machines.map(|machine| machine.name.as_str()).collect();
            said.push(format!(
                "{}: {of_type}: {}.",
                letter(place),
                names.join(", ")
            ));
        }
        if fleet.types.len() > 1 {
            said.push(
                "Medians over unlike machines are marked so: they depend on which machines were chosen, and have no interval."
                    .to_owned(),
            );
        }
        said.extend(fleet.notes.iter().cloned());
        said
    }

    /// One table per suite and workload, with the rows of the suite's own tables.
    pub fn tables(&self) -> Vec<Table> {
        let mut tables: Vec<Table> = Vec::new();
        for row in self.across.rows.iter().filter(|row| is_shown(row)) {
            let place = tables
                .iter()
                .position(|table| (table.suite, &table.workload) == (row.suite, &row.workload));
            let place = place.unwrap_or_else(|| {
                tables.push(Table {
                    suite: row.suite,
                    workload: row.workload.clone(),
                    lines: Vec::new(),
                });
                tables.len() - 1
            });
            tables[place].lines.extend(self.lines(row));
        }
        // Keeps the rows of each target together.
        for table in &mut tables {
            let mut order: Vec<String> = Vec::new();
            for line in &table.lines {
                if !order.contains(&line.target) {
                    order.push(line.target.clone());
                }
            }
            table
                .lines
                .sort_by_key(|line| order.iter().position(|target| *target == line.target));
        }
        tables
    }

    /// Names of the machines with their own column; empty if there are too many for a table.
    pub fn columns(&self) -> Vec<&str> {
        let machines = &self.across.fleet.machines;
        match machines.len() <= COLUMNS {
            true => machines
                .iter()
                .map(|machine| machine.name.as_str())
                .collect(),
            false => Vec::new(),
        }
    }

    fn lines(&self, row: &AcrossRow) -> Vec<Line> {
        let metric = match row.metric {
            Metric::WallTime => row.boundary.name().to_owned(),
            metric => format!("{} {metric}", row.boundary.name()),
        };
        let what = match &row.over {
            Some(over) => format!("{metric}, times {over}"),
            None => metric,
        };
        let target = row.target.to_string();
        let target = match &row.variant {
            Some(variant) => format!("{target} ({variant})"),
            None => target,
        };
        let figure = |value: f64| figure(row, value);
        let values = |machine_type: Option<usize>| {
            let machines = self.across.fleet.machines.iter().enumerate();
            let shown = machines.map(|(at, machine)| {
                let of_line = machine_type.is_none_or(|one| one == machine.machine_type);
                let found = row.by_machine.iter().find(|one| one.machine == at);
                match found.filter(|_| of_line).map(|one| one.median) {
                    Some(Some(median)) => figure(median),
                    Some(None) => "failed".to_owned(),
                    None => "·".to_owned(),
                }
            });
            shown.collect::<Vec<_>>()
        };
        let line = |machine_type, scope: String, pooled: Option<&Pooled>| Line {
            target: target.clone(),
            what: what.clone(),
            scope,
            by_machine: values(machine_type),
            median: pooled.map_or_else(|| "failed".to_owned(), |pooled| figure(pooled.median)),
            interval: pooled.map_or_else(String::new, |pooled| interval(row, pooled)),
            spread: pooled.map_or_else(Default::default, spread),
        };
        let one_type = self.across.fleet.types.len() == 1;
        if row.pooled.is_empty() {
            return vec![line(None, "none".to_owned(), None)];
        }
        row.pooled
            .iter()
            .map(|pooled| {
                let scope = match pooled.machine_type {
                    Some(_) if one_type => pooled.machines.to_string(),
                    Some(place) => format!("{} of type {}", pooled.machines, letter(place)),
                    None => format!("{} unlike", pooled.machines),
                };
                line(pooled.machine_type, scope, Some(pooled))
            })
            .collect()
    }
}

/// The rows of one suite and workload.
#[derive(Debug)]
pub struct Table {
    /// The measured suite.
    pub suite: Suite,
    /// The measured workload.
    pub workload: WorkloadId,
    /// One per target, boundary, metric and machine type.
    pub lines: Vec<Line>,
}

/// One formatted table row.
#[derive(Debug)]
pub struct Line {
    /// Target name, with its version if it differs between machines.
    pub target: String,
    /// Boundary and metric.
    pub what: String,
    /// Number of machines and their type.
    pub scope: String,
    /// Each machine's median.
    pub by_machine: Vec<String>,
    /// Median over the machines.
    pub median: String,
    /// Confidence interval, or range.
    pub interval: String,
    /// Between machines, between trials, within a trial.
    pub spread: [String; 3],
}

/// Whether reports for people show the row: they show the columns of the suite's own tables; programs get all rows.
fn is_shown(row: &AcrossRow) -> bool {
    let place = (row.boundary, row.metric);
    let mut columns = tables(row.suite)
        .iter()
        .chain([&TICKS])
        .flat_map(|table| table.columns);
    let of_ladder = || Boundary::LADDER.contains(&row.boundary) || row.boundary == Boundary::Run;
    let under_load =
        || row.suite == Suite::Serve && matches!(row.metric, Metric::P50 | Metric::AchievedRate);
    (row.metric == Metric::WallTime && of_ladder())
        || columns.any(|column| (column.boundary, column.metric) == place)
        || under_load()
}

fn figure(row: &AcrossRow, value: f64) -> String {
    match row.unit {
        Some(unit) => quantity::value(value, unit),
        None => quantity::ratio(value),
    }
}

fn interval(row: &AcrossRow, pooled: &Pooled) -> String {
    let ([low, high], is_range) = match pooled.ci95 {
        Some(ends) => (ends, false),
        None => (pooled.range, true),
    };
    let ends = Interval { low, high };
    let shown = match row.unit {
        Some(unit) => quantity::interval(ends, unit),
        None => quantity::ratio_interval(ends),
    };
    match (is_range, pooled.machines, pooled.method) {
        (true, 1, _) => String::new(),
        (true, _, Method::Range) => format!("range {shown}"),
        // A zero has no ratio, so nothing was resampled.
        (true, ..) => format!("range {shown}"),
        (false, ..) => shown,
    }
}

fn spread(pooled: &Pooled) -> [String; 3] {
    let levels = pooled.spread.map_or([None; 3], |spread| {
        [spread.machines, spread.trials, spread.within]
    });
    levels.map(|sd| match sd {
        None => "·".to_owned(),
        Some(sd) => format!("{:.1}\u{a0}%", 100.0 * sd.exp_m1()),
    })
}

/// `A` for the first machine type.
pub(crate) fn letter(place: usize) -> String {
    match u8::try_from(place) {
        Ok(place @ 0..26) => char::from(b'A' + place).to_string(),
        _ => format!("type {}", place + 1),
    }
}
