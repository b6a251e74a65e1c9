//! `bench run --list`: shows the plan with an estimate of its time, without measuring or building.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_record::{Recorded, Step, TargetId, WorkloadId};
use serde_json::json;

use super::Request;
use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::{Building, Gathered};
use crate::exit::{Exit, Usage};
use crate::machine::denoise;
use crate::machine::interrupt::Interrupt;
use crate::run::plan::Cell;
use crate::ui::format;
use crate::ui::progress::say;
use crate::ui::terminal;

/// Number of recent runs used for an estimate.
const RUNS: usize = 20;

pub(super) fn listed(request: &Request<'_>) -> anyhow::Result<Exit> {
    if request.own.is_some() {
        let why = "--list cannot plan a program of your own: how long it runs decides its trials, and only \
                   a run finds that out";
        return Err(Usage(why.to_owned()).into());
    }
    let interrupt = Interrupt::install(denoise::put_files_back)?;
    let mut gathered = Gathered::default();
    let subject = request.subject(&mut gathered, Building::Never, &interrupt)?;
    let cells = request.cells(&gathered, &subject);
    let times = Times::recorded(&request.checkout);
    let estimates: Vec<Option<Duration>> = cells.iter().map(|cell| times.of(cell)).collect();
    if request.args.json {
        let rows: Vec<_> = cells.iter().zip(&estimates).map(row).collect();
        let plan = json!({
            "schema": "plimsoll.plan/1",
            "suite": request.suite,
            "quick": request.args.quick,
            "trials": cells.iter().map(|cell| cell.trials).sum::<u32>(),
            "seconds": estimates.iter().flatten().sum::<Duration>().as_secs_f64(),
            "trials_without_estimate": without(&cells, &estimates),
            "cells": rows,
            "skipped": gathered.skipped,
        });
        super::super::print(&(serde_json::to_string_pretty(&plan)? + "\n"))?;
        return Ok(Exit::Ok);
    }
    super::super::print(&table(&cells, &estimates))?;
    super::eprint_part(&terminal::skipped(&gathered.skipped));
    if cells.is_empty() {
        say("nothing is left to measure");
    }
    Ok(Exit::Ok)
}

fn row((cell, estimate): (&Cell, &Option<Duration>)) -> serde_json::Value {
    json!({
        "target": cell.target, "workload": cell.workload, "step": cell.step,
        "trials": cell.trials, "iterations": cell.iterations,
        "budget_ms": cell.budget.as_millis() as u64,
        "seconds": estimate.map(|time| time.as_secs_f64()),
    })
}

fn without(cells: &[Cell], estimates: &[Option<Duration>]) -> u32 {
    let cells = cells.iter().zip(estimates);
    let without = cells.filter(|(_, estimate)| estimate.is_none());
    without.map(|(cell, _)| cell.trials).sum()
}

/// One line per target and workload, with the trials of each step.
fn table(cells: &[Cell], estimates: &[Option<Duration>]) -> String {
    let mut lines: Vec<(&Cell, Vec<String>)> = Vec::new();
    for cell in cells {
        let trials = format!("{} {}", cell.step, cell.trials);
        match lines.last_mut() {
            Some((last, steps))
                if (&last.target, &last.workload) == (&cell.target, &cell.workload) =>
            {
                steps.push(trials);
            }
            _ => lines.push((cell, vec![trials])),
        }
    }
    let width = |of: fn(&Cell) -> &str| cells.iter().map(|cell| of(cell).len()).max().unwrap_or(0);
    let target = width(|cell| cell.target.as_str());
    let workload = width(|cell| cell.workload.as_str());
    let mut text = String::new();
    for (cell, steps) in lines {
        let steps = steps.join(", ");
        let _ = writeln!(
            text,
            "{:target$}  {:workload$}  {steps}",
            cell.target, cell.workload
        );
    }
    let trials: u32 = cells.iter().map(|cell| cell.trials).sum();
    let known: Duration = estimates.iter().flatten().sum();
    let _ = write!(text, "{}", format::count(trials as usize, "trial"));
    let unknown = without(cells, estimates);
    let _ = match (known.is_zero(), unknown) {
        (true, _) => writeln!(
            text,
            "; no estimate of the time: no such run is recorded here yet"
        ),
        (false, 0) => writeln!(text, "; about {}, by runs recorded here", minutes(known)),
        (false, unknown) => writeln!(
            text,
            "; about {} by runs recorded here, and {unknown} without such a record",
            minutes(known)
        ),
    };
    text
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format::count(seconds.max(1) as usize, "second"),
        seconds => format::count((seconds as usize).div_ceil(60), "minute"),
    }
}

/// Durations of trials in recorded runs.
struct Times {
    exact: BTreeMap<(TargetId, WorkloadId, Step), Vec<u64>>,
    by_step: BTreeMap<Step, Vec<u64>>,
}

impl Times {
    fn recorded(checkout: &Checkout) -> Self {
        let mut times = Times {
            exact: BTreeMap::new(),
            by_step: BTreeMap::new(),
        };
        let folders = fs::read_dir(checkout.results());
        let folders = folders.into_iter().flatten().flatten();
        let mut runs: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
        runs.retain(|path| !path.is_symlink());
        runs.sort();
        for run in runs.iter().rev().take(RUNS) {
            // Skips folders that are not readable runs.
            let Ok(recorded) = Recorded::read(run) else {
                continue;
            };
            for plan in &recorded.run.plan {
                let Some(trial) = recorded.trials.get(&plan.index) else {
                    continue;
                };
                let key = (plan.target.clone(), plan.workload.clone(), plan.step);
                let took = trial.outcome.took_ns;
                times.exact.entry(key).or_default().push(took);
                times.by_step.entry(plan.step).or_default().push(took);
            }
        }
        times
    }

    /// The time of all trials of a cell, estimated from its own trials or else from those of its step.
    fn of(&self, cell: &Cell) -> Option<Duration> {
        let key = (cell.target.clone(), cell.workload.clone(), cell.step);
        let took = self
            .exact
            .get(&key)
            .or_else(|| self.by_step.get(&cell.step))?;
        let mut took = took.clone();
        took.sort_unstable();
        let median = took.get(took.len() / 2)?;
        Some(Duration::from_nanos(*median) * cell.trials)
    }
}
