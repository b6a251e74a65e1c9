//! The plan: every trial of a run, in order of execution.
//!
//! Trials come in blocks. A block holds at most one trial of each (target, workload, step), in an order drawn
//! from the run's seed, so that drift of the machine affects all alike.

use std::time::Duration;

use plimsoll_record::run::TrialPlan;
use plimsoll_record::{Nanoseconds, Step, TargetId, WorkloadId};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

/// One (target, workload, step) and its number of trials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The target to measure.
    pub target: TargetId,
    /// The program to run.
    pub workload: WorkloadId,
    /// The procedure.
    pub step: Step,
    /// Number of trials, each in a fresh process.
    pub trials: u32,
    /// Maximum iterations per trial.
    pub iterations: u32,
    /// Time after which no further iteration starts.
    pub budget: Duration,
}

/// Lays out the trials of `cells`. The same cells and seed give the same plan.
///
/// There are as many blocks as the largest number of trials of a cell; a cell with fewer is spread evenly
/// over them.
pub fn plan(cells: &[Cell], seed: u64) -> Vec<TrialPlan> {
    let blocks = cells.iter().map(|cell| cell.trials).max().unwrap_or(0);
    let mut order = ChaCha8Rng::seed_from_u64(seed);
    let mut trials = Vec::new();
    for block in 0..blocks {
        let mut members: Vec<&Cell> = cells
            .iter()
            .filter(|cell| falls_in(block, cell.trials, blocks))
            .collect();
        members.shuffle(&mut order);
        for cell in members {
            trials.push(TrialPlan {
                index: u32::try_from(trials.len()).unwrap_or(u32::MAX),
                block,
                target: cell.target.clone(),
                workload: cell.workload.clone(),
                step: cell.step,
                iterations: cell.iterations,
                budget_ns: Nanoseconds::from(cell.budget).0,
            });
        }
    }
    trials
}

fn falls_in(block: u32, trials: u32, blocks: u32) -> bool {
    let before = u64::from(block) * u64::from(trials) / u64::from(blocks);
    let after = (u64::from(block) + 1) * u64::from(trials) / u64::from(blocks);
    after > before
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn cells() -> Vec<Cell> {
        let mut cells = Vec::new();
        for target in ["native", "keel", "other/engine"] {
            for (workload, trials) in [("hello", 10), ("json", 3)] {
                for step in [Step::Process, Step::Deploy] {
                    cells.push(Cell {
                        target: target.into(),
                        workload: workload.into(),
                        step,
                        trials,
                        iterations: 1,
                        budget: Duration::from_millis(1),
                    });
                }
            }
        }
        cells
    }

    #[test]
    fn every_cell_gets_its_trials_and_at_most_one_a_block() {
        let plan = plan(&cells(), 7);
        assert_eq!(plan.len(), 3 * 2 * (10 + 3));
        let mut seen: HashMap<_, Vec<u32>> = HashMap::new();
        for trial in &plan {
            seen.entry((trial.target.clone(), trial.workload.clone(), trial.step))
                .or_default()
                .push(trial.block);
        }
        for ((_, workload, _), blocks) in seen {
            assert_eq!(
                blocks.len(),
                if workload.as_str() == "hello" { 10 } else { 3 }
            );
            assert!(
                blocks.windows(2).all(|pair| pair[0] < pair[1]),
                "{blocks:?}"
            );
        }
    }

    #[test]
    fn the_index_is_the_position_and_blocks_do_not_overlap() {
        let plan = plan(&cells(), 7);
        for (position, trial) in plan.iter().enumerate() {
            assert_eq!(trial.index as usize, position);
        }
        assert!(plan.windows(2).all(|pair| pair[0].block <= pair[1].block));
    }

    #[test]
    fn the_seed_alone_decides_the_order() {
        assert_eq!(plan(&cells(), 7), plan(&cells(), 7));
        assert_ne!(plan(&cells(), 7), plan(&cells(), 8));
    }

    #[test]
    fn blocks_are_shuffled_apart_from_each_other() {
        let plan = plan(&cells(), 7);
        let order = |block: u32| -> Vec<_> {
            plan.iter()
                .filter(|t| t.block == block && t.workload.as_str() == "hello")
                .map(|t| (t.target.clone(), t.step))
                .collect()
        };
        assert!((1..10).any(|block| order(block) != order(0)));
    }

    #[test]
    fn no_cells_make_an_empty_plan() {
        assert!(plan(&[], 1).is_empty());
    }
}
