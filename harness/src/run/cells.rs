//! Selects the workloads of a run, and makes its cells: one per target, workload and step.

use std::time::Duration;

use anyhow::Context;
use plimsoll_adapter::footprint;
use plimsoll_adapter::protocol::Target;
use plimsoll_record::run::{Density, TargetKind};
use plimsoll_record::vocabulary::{DoneBy, Needs};
use plimsoll_record::{Step, WorkloadId};

use crate::catalog::resolve::{Gathered, ResolvedTarget};
use crate::catalog::selection;
use crate::catalog::suites::Amount;
use crate::catalog::targets::Table;
use crate::catalog::workloads::{Category, DurationClass, Native, Ready, WorkloadRow, Workloads};
use crate::exit::Usage;
use crate::run::plan::Cell;
use crate::suites::conformance::groups::{Tests, carries_out};
use crate::suites::conformance::{testsuite, wasi};
use crate::suites::sandbox::questions::Questions;

/// The workloads that the user named, or else the suite's.
pub(crate) fn chosen_workloads<'a>(
    given: &[String],
    amount: &Amount,
    workloads: &'a Workloads,
) -> Vec<&'a WorkloadRow> {
    let globs = match given {
        [] => &amount.workloads,
        given => given,
    };
    // Waiting workloads, yardsticks, kernels and languages must be named: a suite's glob would select them by
    // mistake.
    let meant = |row: &&WorkloadRow| {
        row.matches_globs() || !given.is_empty() || globs.iter().any(|glob| glob == row.id.as_str())
    };
    workloads
        .rows
        .iter()
        .filter(|row| selection::matches_any(globs, row.id.as_str()))
        .filter(meant)
        .collect()
}

/// Whether targets of that kind have something to run: natively and in containers, the native binary.
fn can_run(kind: TargetKind, ready: &Ready) -> bool {
    kind == TargetKind::Wasm || ready.native != Native::NotPlanned
}

/// Whether a step applies to a workload. A workload without output has no first output.
pub(crate) fn applies_to(step: Step, ready: &Ready) -> bool {
    if matches!(step, Step::FirstOutputWarm | Step::FirstOutputArtefact)
        && ready.expected.is_empty()
    {
        return false;
    }
    match step.spec().needs {
        Needs::Waits => ready.duration == DurationClass::Waiting,
        Needs::Ends => ready.duration != DurationClass::Waiting,
        Needs::Neighbour => ready.category == Category::Neighbour,
        Needs::Any | Needs::Server => true,
    }
}

/// Whether a target supports a step, by itself or through `bench` with the target's launch.
pub(crate) fn supports(target: &Target, step: Step) -> bool {
    let launched = target.kind != TargetKind::Container && target.steps.contains(&Step::Process);
    target.steps.contains(&step) || (step.spec().done_by == DoneBy::Bench && launched)
}

/// The levels of instances, processes and containers; `None` if the suite has none.
pub(crate) fn density(amount: &Amount, budget: Option<u64>) -> anyhow::Result<Option<Density>> {
    let Some(levels) = &amount.density else {
        return match budget {
            None => Ok(None),
            Some(_) => {
                let why =
                    "--memory-budget is for the suite density: no other has many alive at once";
                Err(Usage(why.to_owned()).into())
            }
        };
    };
    let budget = match budget {
        Some(bytes) => bytes,
        None => footprint::available().context("cannot see how much memory is free")? / 4,
    };
    Ok(Some(levels.within(budget)))
}

/// One cell per step of each workload on each target that supports it.
pub(crate) fn workload_cells(
    gathered: &Gathered,
    workloads: &[Ready],
    steps: &[Step],
    amount: &Amount,
    trials: Option<u32>,
) -> Vec<Cell> {
    let mut cells = Vec::new();
    for chosen in &gathered.targets {
        for ready in workloads {
            for &step in steps
                .iter()
                .filter(|&&step| supports(&chosen.target, step) && applies_to(step, ready))
                .filter(|_| can_run(chosen.target.kind, ready))
                .filter(|step| !step.serves() || !ready.exchanges.is_empty())
            {
                cells.push(Cell {
                    target: chosen.target.id.clone(),
                    workload: ready.workload.id.clone(),
                    step,
                    trials: trials.unwrap_or(amount.trials.of(ready.duration, ready.category)),
                    iterations: amount.iterations,
                    budget: amount.budget(),
                });
            }
        }
    }
    cells
}

/// One cell per question and target.
pub(crate) fn sandbox_cells(gathered: &Gathered, questions: &Questions) -> Vec<Cell> {
    let targets = gathered.targets.iter();
    let cells = targets.flat_map(|chosen| {
        questions.ready.iter().map(|question| Cell {
            target: chosen.target.id.clone(),
            workload: question.record.id.clone(),
            step: Step::Sandbox,
            trials: 1,
            iterations: 1,
            budget: Duration::ZERO,
        })
    });
    cells.collect()
}

/// One cell per group of tests and target that supports them.
pub(crate) fn conformance_cells(gathered: &Gathered, tests: &Tests, table: &Table) -> Vec<Cell> {
    let of = |chosen: &ResolvedTarget, group: &WorkloadId| match group.as_str() {
        wasi::ID | testsuite::ID => wasi::runs(table, &chosen.target.id),
        _ => carries_out(chosen),
    };
    let targets = gathered.targets.iter();
    targets
        .flat_map(|chosen| {
            let groups = tests.record.groups.iter();
            let groups = groups.filter(|group| of(chosen, &group.id));
            groups.map(|group| Cell {
                target: chosen.target.id.clone(),
                workload: group.id.clone(),
                step: Step::Conformance,
                trials: 1,
                iterations: 1,
                budget: Duration::ZERO,
            })
        })
        .collect()
}
