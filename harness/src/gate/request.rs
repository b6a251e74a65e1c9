//! What a gate measures, and the cells for it.

use std::path::PathBuf;
use std::time::Duration;

use plimsoll_analysis::gate::Settings;
use plimsoll_record::{Recorded, Step, Suite, TargetId, WorkloadId};

use super::side::{Product, Side};
use crate::catalog::suites::{self, Amount, SuiteRow};
use crate::catalog::user_program::Sides;
use crate::catalog::workloads::Ready;
use crate::exit::Usage;
use crate::run::cells::{applies_to, supports};
use crate::run::plan::Cell;

/// The default suites of a gate.
const SUITES: [Suite; 3] = [Suite::Coldstart, Suite::Memory, Suite::Size];

/// Minimum blocks of timed steps; fewer are never conclusive.
const LEAST_BLOCKS: u32 = plimsoll_analysis::statistics::paired::BLOCKS as u32;

/// A gate as given on the command line.
#[derive(Debug)]
pub struct Request {
    /// The side to compare with.
    pub base: Source,
    /// The side to judge.
    pub head: Product,
    /// Globs of targets.
    pub targets: Vec<String>,
    /// Two builds of the user's own program, instead of workloads.
    pub own: Option<Sides>,
    /// Globs of workloads; empty means those of the suites.
    pub workloads: Vec<String>,
    /// Suites; empty means the default suites.
    pub suites: Vec<Suite>,
    /// The allowed changes.
    pub settings: Settings,
    /// Blocks per measurement; `None` means those of the suites.
    pub blocks: Option<u32>,
    /// Time after which a measurement starts no further block.
    pub budget: Duration,
    /// Whether to reduce noise.
    pub denoise: bool,
    /// Seed of the order; `None` means random.
    pub seed: Option<u64>,
    /// Directory of the gate; `None` means one named by time.
    pub out: Option<PathBuf>,
    /// Whether to wait for another run on this machine to end.
    pub wait: bool,
}

/// The origin of a side.
#[derive(Debug)]
pub enum Source {
    /// Something that exists on disk.
    Product(Product),
    /// A commit of this repository, still to be built.
    Commit(String),
}

impl Request {
    /// The rows of its suites, which must all have a gate.
    ///
    /// # Errors
    /// [`Usage`] if one cannot, or if `pinned` is of another suite.
    pub fn suites(&self, pinned: Option<&Recorded>) -> Result<Vec<SuiteRow>, Usage> {
        // A module of one workload has no tests, and naming workloads selects none of the tests.
        let whole = self.workloads.is_empty()
            && self.own.is_none()
            && !matches!(self.head, Product::Module(_));
        let named: Vec<Suite> = match self.suites.as_slice() {
            [] if whole => [SUITES.as_slice(), &[Suite::Conformance]].concat(),
            [] => SUITES.to_vec(),
            named => named.to_vec(),
        };
        let rows: Vec<SuiteRow> = named.into_iter().map(suites::row).collect();
        if let Some(row) = rows.iter().find(|row| row.gate.is_none()) {
            return Err(Usage(format!(
                "suite {} cannot be gated; compare two runs of it with `bench compare`",
                row.id
            )));
        }
        if let Some(run) = pinned
            && !rows.iter().any(|row| row.id == run.run.suite)
        {
            return Err(Usage(format!(
                "the baseline is a run of suite {0}, which this gate does not measure; add --suite {0}",
                run.run.suite
            )));
        }
        Ok(rows)
    }
}

/// Checks that both sides have the same workloads.
///
/// # Errors
/// [`Usage`] if they differ.
pub(super) fn same_workloads(base: &[Ready], head: &[Ready]) -> Result<(), Usage> {
    let ids = |side: &[Ready]| -> Vec<WorkloadId> {
        side.iter().map(|ready| ready.workload.id.clone()).collect()
    };
    match ids(base) == ids(head) {
        true => Ok(()),
        false => Err(Usage(
            "base and head do not have the same workloads; name those that both have with --workload"
                .to_owned(),
        )),
    }
}

/// One cell per step that both sides support.
pub(super) fn cells(
    [base, head]: [&Side; 2],
    workloads: &[Ready],
    row: &SuiteRow,
    amount: &Amount,
    blocks: Option<u32>,
) -> Vec<Cell> {
    let mut cells = Vec::new();
    for chosen in &head.targets {
        let mut others = base.targets.iter();
        let other = others.find(|other| other.target.id == chosen.target.id);
        for ready in workloads {
            for &step in row.steps.iter().filter(|&&step| {
                applies_to(step, ready)
                    && !step.serves()
                    && supports(&chosen.target, step)
                    && other.is_some_and(|other| supports(&other.target, step))
            }) {
                cells.push(Cell {
                    target: chosen.target.id.clone(),
                    workload: ready.workload.id.clone(),
                    step,
                    trials: trials(step, ready, amount, blocks),
                    iterations: amount.iterations,
                    budget: amount.budget(),
                });
            }
        }
    }
    cells
}

/// The number of blocks for a step. Sizes, peaks and counted instructions do not vary, so more blocks would
/// add nothing.
fn trials(step: Step, ready: &Ready, amount: &Amount, blocks: Option<u32>) -> u32 {
    let planned = amount.trials.of(ready.duration, ready.category);
    let is_counted = matches!(step, Step::Size | Step::Peak | Step::Count);
    match (blocks, is_counted) {
        (Some(blocks), true) => planned.min(blocks),
        (Some(blocks), false) => blocks,
        (None, true) => planned,
        (None, false) => planned.max(LEAST_BLOCKS),
    }
}

/// The cells that must be measured again.
pub(super) fn kept(cells: &[Cell], doubted: &[(TargetId, WorkloadId, Step)]) -> Vec<Cell> {
    let is_doubted = |cell: &&Cell| {
        doubted
            .iter()
            .any(|(t, w, s)| (t, w, *s) == (&cell.target, &cell.workload, cell.step))
    };
    cells.iter().filter(is_doubted).cloned().collect()
}
