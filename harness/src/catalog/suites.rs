//! The suites, from `suites.toml`: what each measures, and how much of it.

use std::time::Duration;

use plimsoll_record::run::{Density, Load};
use plimsoll_record::{Step, Suite};
use serde::Deserialize;

use crate::catalog::workloads::{Category, DurationClass};

const TABLE: &str = include_str!("../../suites.toml");

/// How much of a suite to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Full,
    /// The smallest valid run.
    Quick,
}

/// One suite.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteRow {
    /// The suite.
    pub id: Suite,
    /// The question it answers.
    pub title: String,
    /// The steps that answer it.
    pub steps: Vec<Step>,
    deadline_seconds: u64,
    prepare_deadline_seconds: u64,
    full: Amount,
    quick: Amount,
    /// The amount that `bench gate` measures; `None` if the suite cannot be gated.
    pub gate: Option<Amount>,
}

/// The amount to measure.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// Globs of the default workloads.
    pub workloads: Vec<String>,
    /// Trials per (target, workload, step).
    pub trials: Trials,
    /// Maximum iterations in one process.
    pub iterations: u32,
    budget_ms: u64,
    load: Option<LoadRow>,
    /// Numbers of instances, processes and containers alive at once, in the suite `density`.
    pub density: Option<Levels>,
}

/// The load of a suite with servers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadRow {
    rates: Vec<u64>,
    window_ms: u64,
    warm_up_ms: u64,
    connections: u32,
    timeout_ms: u64,
}

/// Numbers of instances, processes and containers alive at once, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    instances: Vec<u64>,
    processes: Vec<u64>,
    containers: Vec<u64>,
    idle_window_ms: u64,
}

impl Levels {
    /// The levels as a run records them, within a memory budget in bytes.
    pub fn within(&self, memory_budget_bytes: u64) -> Density {
        Density {
            instances: self.instances.clone(),
            processes: self.processes.clone(),
            containers: self.containers.clone(),
            memory_budget_bytes,
            idle_window_ns: self.idle_window_ms * 1_000_000,
        }
    }
}

/// Number of trials, by a workload's duration and category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trials {
    /// For a workload that ends at once.
    pub light: u32,
    /// For a workload that computes for a while.
    pub heavy: u32,
    /// For a workload that waits until its input ends.
    #[serde(default)]
    pub waiting: u32,
    /// For a compute kernel or use case, because there are many; `None` means `heavy`.
    pub kernel: Option<u32>,
}

impl Trials {
    /// The number of trials of a workload.
    pub fn of(&self, duration: DurationClass, category: Category) -> u32 {
        match (duration, category) {
            (DurationClass::Light, _) => self.light,
            (DurationClass::Waiting, _) => self.waiting,
            (DurationClass::Heavy, Category::Kernel | Category::UseCase) => {
                self.kernel.unwrap_or(self.heavy)
            }
            (DurationClass::Heavy, _) => self.heavy,
        }
    }
}

impl Amount {
    /// Time after which a process starts no further iteration.
    pub fn budget(&self) -> Duration {
        Duration::from_millis(self.budget_ms)
    }
}

impl Amount {
    /// The load to offer to servers, in a suite with servers.
    pub fn load(&self) -> Option<Load> {
        let nanoseconds = |ms: u64| ms * 1_000_000;
        self.load.as_ref().map(|row| Load {
            rates: row.rates.clone(),
            window_ns: nanoseconds(row.window_ms),
            warm_up_ns: nanoseconds(row.warm_up_ms),
            connections: row.connections,
            timeout_ns: nanoseconds(row.timeout_ms),
        })
    }
}

impl SuiteRow {
    /// Time after which a trial is killed.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds)
    }

    /// Time after which preparing a pair is aborted.
    pub fn prepare_deadline(&self) -> Duration {
        Duration::from_secs(self.prepare_deadline_seconds)
    }

    /// The amount to measure at `extent`.
    pub fn amount(&self, extent: Extent) -> &Amount {
        match extent {
            Extent::Full => &self.full,
            Extent::Quick => &self.quick,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "schema")]
    _schema: String,
    suite: Vec<SuiteRow>,
}

/// All suites, in table order.
///
/// # Panics
/// Not in a tested build: the table is compiled in.
pub fn all() -> Vec<SuiteRow> {
    let table: Table = toml::from_str(TABLE).expect("the built-in suites.toml is well formed");
    table.suite
}

/// The row of `suite`.
///
/// # Panics
/// As [`all`].
pub fn row(suite: Suite) -> SuiteRow {
    all()
        .into_iter()
        .find(|row| row.id == suite)
        .expect("the built-in suites.toml has every suite")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_has_a_row_and_a_quick_run_is_smaller() {
        for &suite in Suite::ALL {
            let row = row(suite);
            assert!(!row.steps.is_empty());
            // Fewer than six trials cannot be resampled, and times vary more than memory does.
            let least = match suite {
                // A trial gives a histogram, not one value.
                Suite::Serve => 5,
                Suite::Neighbours => 6,
                Suite::Coldstart | Suite::Throughput | Suite::Languages => 10,
                Suite::Density | Suite::Memory => 6,
                // A file's size does not vary.
                Suite::Size | Suite::Conformance | Suite::Sandbox => 1,
                // Counts repeat; a second trial confirms it.
                Suite::Instructions => 2,
            };
            assert!(
                row.quick.trials.light >= least && row.quick.trials.light <= row.full.trials.light
            );
            assert!(row.quick.budget() <= row.full.budget());
        }
    }
}
