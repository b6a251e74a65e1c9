//! What a gate is to measure, and which cells that comes to.

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

/// The suites of a gate that names none.
const SUITES: [Suite; 3] = [Suite::Coldstart, Suite::Memory, Suite::Size];

/// Fewest blocks of what is timed: the statistics decide nothing on fewer.
const LEAST_BLOCKS: u32 = plimsoll_analysis::statistics::paired::BLOCKS as u32;

/// A gate as the command line names it.
#[derive(Debug)]
pub struct Request {
    /// What head is compared with.
    pub base: Source,
    /// What is judged.
    pub head: Product,
    /// Globs of targets.
    pub targets: Vec<String>,
    /// Two builds of the user's own program, instead of workloads.
    pub own: Option<Sides>,
    /// Globs of workloads; empty means what the suites name.
    pub workloads: Vec<String>,
    /// Suites; empty means the default ones.
    pub suites: Vec<Suite>,
    /// What is allowed.
    pub settings: Settings,
    /// Blocks of a measurement, instead of what the suites name.
    pub blocks: Option<u32>,
    /// Time after which a measurement begins no further block.
    pub budget: Duration,
    /// Whether to reduce noise.
    pub denoise: bool,
    /// Seed of the order; drawn if absent.
    pub seed: Option<u64>,
    /// Directory of the gate, instead of one named after its time.
    pub out: Option<PathBuf>,
    /// Whether to wait for another run on this machine.
    pub wait: bool,
}

/// Where a side comes from.
#[derive(Debug)]
pub enum Source {
    /// It lies there.
    Product(Product),
    /// A commit of this repository, to be built.
    Commit(String),
}

impl Request {
    /// The rows of its suites. All of them can be gated.
    ///
    /// # Errors
    /// [`Usage`] if one cannot, or if `pinned` is of another suite.
    pub fn suites(&self, pinned: Option<&Recorded>) -> Result<Vec<SuiteRow>, Usage> {
        // A module of one workload passes no tests of its own, and whoever names workloads means others.
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

/// Refuses sides with different workloads.
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

/// A cell for each step that both sides support.
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

/// Blocks of a step. Sizes, peaks and counted instructions do not scatter: more blocks would say
/// nothing more of them.
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

/// The cells that have to be measured again.
pub(super) fn kept(cells: &[Cell], doubted: &[(TargetId, WorkloadId, Step)]) -> Vec<Cell> {
    let is_doubted = |cell: &&Cell| {
        doubted
            .iter()
            .any(|(t, w, s)| (t, w, *s) == (&cell.target, &cell.workload, cell.step))
    };
    cells.iter().filter(is_doubted).cloned().collect()
}
