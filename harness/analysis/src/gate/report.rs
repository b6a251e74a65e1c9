//! What `plimsoll.gate/1` holds.

use plimsoll_record::{Suite, TargetId, Unit};
use serde::{Deserialize, Serialize};

use crate::series::SeriesKey;
use crate::statistics::Interval;

/// The schema of [`GateReport`].
pub const SCHEMA: &str = "plimsoll.gate/1";

/// The rule, for people to read.
pub const RULE: &str = "A timed row fails only if the 95 % interval of head over base, paired \
block by block, lies beyond the larger of the threshold and the noise that base against base showed \
in the same job, and a second, independent measurement shows the same. It holds if the interval rules \
out a slowdown of the size that must be detected; anything else is inconclusive. What does not \
vary (files, passes) or hardly varies (peak memory) fails as soon as every trial of head is worse than every \
trial of base by more than the growth allowed, which for counted instructions is at most 0.5 %. A pinned run is \
compared by the rule of `bench compare`; a row of it holds only if both runs are whole, of the same \
machine, conditions, engine and program, with at least six trials each, and if a slowdown of the size \
that must be detected, beyond what two runs differ by, is ruled out. A row that head lost fails. A \
script of the specification's tests fails as soon as fewer of its directives pass than are recorded.";

/// What a gate allows, as shares of 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Slowdowns below it never fail.
    pub threshold: f64,
    /// A slowdown that must be ruled out for a row to hold.
    pub detect: f64,
    /// What a deterministic series may grow by.
    pub growth: f64,
}

/// The outcome of a whole gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overall {
    /// No row is worse.
    Held,
    /// Nothing is shown to be worse, but some rows are too noisy to tell.
    Inconclusive,
    /// Some rows, or all, could not be judged.
    NotJudged,
    /// At least one row is worse.
    Regression,
}

impl Overall {
    /// The outcome in words.
    pub fn name(self) -> &'static str {
        match self {
            Overall::Held => "held",
            Overall::Inconclusive => "inconclusive",
            Overall::NotJudged => "not judged",
            Overall::Regression => "regression",
        }
    }
}

/// Everything a gate found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Always [`SCHEMA`] when written by this version.
    pub schema: String,
    /// The outcome.
    pub verdict: Overall,
    /// A description of base.
    pub base: String,
    /// A description of head.
    pub head: String,
    /// The pinned run, if there is one.
    pub baseline: Option<String>,
    /// What was allowed.
    pub settings: Settings,
    /// How often base against base would have failed.
    pub false_alarms: Option<FalseAlarms>,
    /// Reasons to doubt, in words.
    pub warnings: Vec<String>,
    /// Every row.
    pub rows: Vec<GateRow>,
    /// Every script of the specification's tests, where those were run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<PassRow>,
}

impl GateReport {
    /// How many rows have this verdict.
    pub fn count(&self, verdict: RowVerdict) -> usize {
        self.rows.iter().filter(|r| r.verdict == verdict).count()
    }

    /// How many scripts of the specification's tests have this verdict.
    pub fn scripts(&self, verdict: RowVerdict) -> usize {
        let passes = self.passes.iter();
        passes.filter(|row| row.verdict == verdict).count()
    }
}

/// How often base against base, the labels of each block drawn anew, would have failed this gate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FalseAlarms {
    /// Gates made from the blocks of base and base again.
    pub gates: usize,
    /// How many of them would have failed.
    pub failed: usize,
    /// The highest rate that this is compatible with, at 95 %.
    pub rate_at_most: f64,
}

/// What kind of series a row is of, which decides how it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Chance enters: intervals, noise and a second measurement.
    Timed,
    /// None enters, or too little to hide behind.
    Deterministic,
    /// Never judged: shown beside the others.
    Shown,
}

/// One row of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateRow {
    /// The question.
    pub suite: Suite,
    /// Workload, target, boundary and metric.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// The unit of both medians.
    pub unit: Unit,
    /// How it is judged.
    pub kind: Kind,
    /// What head was compared with: `base`, or the name of the pinned run.
    pub against: String,
    /// Median of base; absent if it was not measured there.
    pub base: Option<f64>,
    /// Median of head; absent if it was not measured there.
    pub head: Option<f64>,
    /// The first measurement.
    pub first: Option<Reading>,
    /// The second, where the first called for one.
    pub second: Option<Reading>,
    /// The smallest slowdown, as a share of 1, that this gate would have found in 80 % of cases.
    pub minimum_detectable: Option<f64>,
    /// What can be said.
    pub verdict: RowVerdict,
    /// Why, in words.
    pub reason: String,
}

/// What one measurement says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Blocks that hold both sides.
    pub blocks: usize,
    /// Head over base, turned round where more is better: above 1 is worse.
    pub ratio: f64,
    /// Its 95 % interval; one point where it does not vary.
    pub ci95: Interval,
    /// What base against base shows, as a share of 1: the end of its interval that is further out.
    pub noise: f64,
    /// What has to be exceeded, as a share of 1.
    pub floor: f64,
    /// p-value of "not worse by more than the floor", by relabelling; absent where no chance
    /// enters.
    pub p_value: Option<f64>,
}

impl Reading {
    /// Whether the interval lies beyond the floor.
    pub fn is_worse(&self) -> bool {
        self.ci95.low > 1.0 + self.floor
    }

    /// Whether it lies as far on the other side.
    pub fn is_better(&self) -> bool {
        self.ci95.high < 1.0 / (1.0 + self.floor)
    }
}

/// What can be said of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowVerdict {
    /// Worse, beyond doubt.
    Regression,
    /// Measured in base and missing in head: a crash, a wrong output, a refusal.
    Lost,
    /// Too noisy, or seen once and not again.
    Inconclusive,
    /// Not worse by what had to be detected.
    Held,
    /// Better.
    Improved,
    /// Only head has it.
    New,
    /// Not judged, for the reason given: timed on another machine, for one.
    NotJudged,
}

impl RowVerdict {
    /// The verdict in words.
    pub fn name(self) -> &'static str {
        match self {
            RowVerdict::Regression => "regression",
            RowVerdict::Lost => "lost",
            RowVerdict::Inconclusive => "inconclusive",
            RowVerdict::Held => "held",
            RowVerdict::Improved => "improved",
            RowVerdict::New => "new",
            RowVerdict::NotJudged => "not judged",
        }
    }

    /// Whether it fails the gate.
    pub fn fails(self) -> bool {
        matches!(self, RowVerdict::Regression | RowVerdict::Lost)
    }
}

/// One script on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRow {
    /// The target.
    pub target: TargetId,
    /// `group/script`.
    pub script: String,
    /// Where it is recorded what passed before.
    pub against: String,
    /// How many directives passed before; absent if that is not recorded.
    pub before: Option<u32>,
    /// How many pass in head; absent if they were not run.
    pub now: Option<u32>,
    /// What can be said.
    pub verdict: RowVerdict,
    /// Why, in words: which directives do not pass.
    pub reason: String,
}

impl PassRow {
    /// How many passed before and pass now, in words.
    pub fn counts(&self) -> String {
        match (self.now, self.before) {
            (Some(now), None) => format!("{now} pass"),
            (Some(now), Some(before)) => format!("{now} pass, {before} did"),
            (None, before) => format!("none ran, {} passed before", before.unwrap_or(0)),
        }
    }
}
