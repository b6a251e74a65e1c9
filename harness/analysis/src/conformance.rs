//! Results of the specification's tests: counts by target and group.
//!
//! The denominator of a share is the directives that engines are tested with, the same for every target.
//! Unclaimed features count in it and do not pass.

use plimsoll_record::conformance::{FailureMode, Group, ScriptLine, Specification, Tally};
use plimsoll_record::run::Run;
use plimsoll_record::{Outcome, Recorded, TargetId, WorkloadId};
use serde::{Deserialize, Serialize};

use crate::rows::Status;

/// A run's counts, targets and groups in the run's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix<'r> {
    /// The tests.
    pub specification: &'r Specification,
    /// The targets of the run.
    pub targets: Vec<&'r TargetId>,
    /// One cell per planned target and group.
    pub cells: Vec<Cell<'r>>,
}

/// One target on one group of tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell<'r> {
    /// The target.
    pub target: &'r TargetId,
    /// The group.
    pub group: &'r Group,
    /// The counts, or why there are none.
    pub counted: Result<Tally, String>,
    /// Results by script.
    pub scripts: &'r [ScriptLine],
}

impl Cell<'_> {
    /// Share that passed of the tested directives, 0 to 1; `None` if there are none.
    pub fn share(&self) -> Option<f64> {
        let tally = self.counted.as_ref().ok()?;
        (tally.attempted() > 0).then(|| f64::from(tally.passed) / f64::from(tally.attempted()))
    }

    /// Whether every tested directive passes.
    pub fn passes_all(&self) -> bool {
        let counted = self.counted.as_ref();
        counted.is_ok_and(|tally| tally.passed == tally.attempted())
    }

    /// Whether the target does not claim the group's feature.
    pub fn is_unclaimed(&self) -> bool {
        let counted = self.counted.as_ref();
        counted.is_ok_and(|tally| tally.attempted() > 0 && tally.unsupported == tally.attempted())
    }
}

/// The counts of a run; `None` for other suites.
pub(crate) fn matrix(recorded: &Recorded) -> Option<Matrix<'_>> {
    let run = &recorded.run;
    let specification = run.specification.as_ref()?;
    let mut cells = Vec::new();
    for record in &run.targets {
        for group in &specification.groups {
            let mut plan = run.plan.iter();
            let Some(plan) =
                plan.find(|plan| plan.target == record.target && plan.workload == group.id)
            else {
                continue;
            };
            let (counted, scripts) = match recorded.trials.get(&plan.index) {
                None => (
                    Err("not reached before the run ended".to_owned()),
                    [].as_slice(),
                ),
                Some(trial) => (
                    counted(&trial.outcome.outcome, &trial.scripts),
                    trial.scripts.as_slice(),
                ),
            };
            cells.push(Cell {
                target: &record.target,
                group,
                counted,
                scripts,
            });
        }
    }
    let asked = |target: &&TargetId| cells.iter().any(|cell| cell.target == *target);
    let targets = run.targets.iter().map(|record| &record.target);
    Some(Matrix {
        specification,
        targets: targets.filter(asked).collect(),
        cells,
    })
}

fn counted(outcome: &Outcome, scripts: &[ScriptLine]) -> Result<Tally, String> {
    match outcome {
        Outcome::Ok => {
            let mut tally = Tally::default();
            for script in scripts {
                tally += script.tally();
            }
            Ok(tally)
        }
        Outcome::Unsupported { reason } => Err(format!("not run: {reason}")),
        Outcome::Failed { message, .. } | Outcome::WrongOutput { message } => Err(message.clone()),
    }
}

impl<'r> Matrix<'r> {
    /// The cell of a target and group; `None` if it was not planned.
    pub fn cell(&self, target: &TargetId, group: &WorkloadId) -> Option<&Cell<'r>> {
        let mut cells = self.cells.iter();
        cells.find(|cell| cell.target == target && cell.group.id == *group)
    }

    /// All of a target's counts. Tests of a proposal that a version includes count in both groups, as in the
    /// specification.
    pub fn total(&self, target: &TargetId) -> Tally {
        let mut total = Tally::default();
        for cell in self.cells.iter().filter(|cell| cell.target == target) {
            if let Ok(tally) = &cell.counted {
                total += *tally;
            }
        }
        total
    }

    /// Whether every target passes all of a group.
    pub fn passes_everywhere(&self, group: &WorkloadId) -> bool {
        let of_group = |cell: &&Cell<'_>| cell.group.id == *group;
        self.cells.iter().filter(of_group).all(Cell::passes_all)
    }

    /// URL of a directive's source; `None` if unknown.
    pub fn permalink(&self, group: &Group, script: &str, line: u32) -> Option<String> {
        // The WASI tests have another source.
        if group.features.is_empty() {
            return None;
        }
        let address = self.specification.permalink.as_ref()?;
        let address = address.replace("{folder}", &group.folder);
        Some(
            address
                .replace("{script}", script)
                .replace("{line}", &line.to_string()),
        )
    }
}

/// A row of `plimsoll.report/1`: one target and group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConformanceRow {
    /// Name of the run that the row is from.
    pub run: String,
    /// Always `conformance`.
    pub suite: plimsoll_record::Suite,
    /// The group of tests.
    pub workload: WorkloadId,
    /// The target.
    pub target: TargetId,
    /// Directives by verdict; `None` unless `status` is `ok` or `unsupported`.
    #[serde(flatten)]
    pub tally: Option<Tally>,
    /// Number of directives in the group.
    pub total: u32,
    /// Whether there are counts.
    pub status: Status,
    /// A note for readers of this row.
    pub note: Option<String>,
    /// Every directive that failed, crashed or timed out.
    pub findings: Vec<FindingRow>,
}

/// A directive that did not pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingRow {
    /// File name of its script.
    pub script: String,
    /// Line number, from 1.
    pub line: u32,
    /// The way in which it did not pass.
    pub how: FailureMode,
    /// What happened instead of the expected result.
    pub message: String,
}

/// One row per cell of the matrix of `run`.
pub(crate) fn rows(run: &Run, matrix: &Matrix<'_>) -> Vec<ConformanceRow> {
    let row = |cell: &Cell<'_>| {
        let findings = cell.scripts.iter().flat_map(|script| {
            script.findings.iter().map(|finding| FindingRow {
                script: script.script.clone(),
                line: finding.line,
                how: finding.how,
                message: finding.message.clone(),
            })
        });
        ConformanceRow {
            run: run.id.clone(),
            suite: run.suite,
            workload: cell.group.id.clone(),
            target: cell.target.clone(),
            tally: cell.counted.as_ref().ok().copied(),
            total: cell.group.directives,
            status: match &cell.counted {
                Err(_) => Status::Failed,
                Ok(_) if cell.is_unclaimed() => Status::Unsupported,
                Ok(_) => Status::Ok,
            },
            note: cell.counted.as_ref().err().cloned(),
            findings: findings.collect(),
        }
    };
    matrix.cells.iter().map(row).collect()
}
