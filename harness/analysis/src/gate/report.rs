//! The format `plimsoll.gate/1`.

use plimsoll_record::{Suite, TargetId, Unit};
use serde::{Deserialize, Serialize};

use crate::series::SeriesKey;
use crate::statistics::Interval;

/// The schema of [`GateReport`].
pub const SCHEMA: &str = "plimsoll.gate/1";

/// The rule, for readers.
pub const RULE: &str = "A timed row fails only if the 95 % interval of head over base, paired \
block by block, lies beyond the larger of the threshold and the noise that base against base showed \
in the same job, and a second, independent measurement shows the same. It holds if the interval rules \
out a slowdown of the size that must be detected; anything else is inconclusive. What does not \
vary (files, passes) or hardly varies (peak memory) fails as soon as every trial of head is worse than every \
trial of base by more than the growth allowed, which for counted instructions is at most 0.5 %. A pinned run is \
compared by the rule of `bench compare`; a row of it holds only if both runs are whole, of the same \
machine, conditions, engine and program, with at least six trials each, and if a slowdown of the size \
that must be detected, beyond what two runs differ by, is ruled out. A row that head lost fails. A row with values of head that no measurement gives (all trials equal where those of \
base vary, less time than reading a clock takes, better than a pinned run by more than a factor of 10) is not judged. A \
script of the specification's tests fails as soon as fewer of its directives pass than are recorded.";

/// The allowed changes, as shares of 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Smaller slowdowns never fail.
    pub threshold: f64,
    /// A row holds only if a slowdown of this size is ruled out.
    pub detect: f64,
    /// Allowed growth of a deterministic series.
    pub growth: f64,
}

/// The outcome of a whole gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overall {
    /// No row is worse.
    Held,
    /// Nothing is worse, but some rows are too noisy to tell.
    Inconclusive,
    /// Some rows, or all, could not be judged.
    NotJudged,
    /// At least one row is worse.
    Regression,
}

impl Overall {
    /// The outcome's name.
    pub fn name(self) -> &'static str {
        match self {
            Overall::Held => "held",
            Overall::Inconclusive => "inconclusive",
            Overall::NotJudged => "not judged",
            Overall::Regression => "regression",
        }
    }
}

/// The results of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Always [`SCHEMA`] when written by this version.
    pub schema: String,
    /// The result over all rows and scripts.
    pub verdict: Overall,
    /// A description of base.
    pub base: String,
    /// A description of head.
    pub head: String,
    /// The pinned run, if there is one.
    pub baseline: Option<String>,
    /// The allowed changes.
    pub settings: Settings,
    /// How often base against base would have failed; `None` without paired rows.
    pub false_alarms: Option<FalseAlarms>,
    /// Reasons to doubt the verdict.
    pub warnings: Vec<String>,
    /// All rows of all suites.
    pub rows: Vec<GateRow>,
    /// All scripts of the specification's tests, if those were run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<PassRow>,
}

impl GateReport {
    /// The number of rows with this verdict.
    pub fn count(&self, verdict: RowVerdict) -> usize {
        self.rows.iter().filter(|r| r.verdict == verdict).count()
    }

    /// The number of scripts of the specification's tests with this verdict.
    pub fn scripts(&self, verdict: RowVerdict) -> usize {
        let passes = self.passes.iter();
        passes.filter(|row| row.verdict == verdict).count()
    }
}

/// How often base against base, with the labels of each block swapped at random, would have failed this gate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FalseAlarms {
    /// Number of simulated gates.
    pub gates: usize,
    /// Number of those that failed.
    pub failed: usize,
    /// The highest rate compatible with this, at 95 %.
    pub rate_at_most: f64,
}

/// The kind of a row's series, which decides how it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Values vary: judged by intervals, noise and a second measurement.
    Timed,
    /// Values do not vary, or hardly.
    Deterministic,
    /// Never judged, only shown.
    Shown,
}

/// One row of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateRow {
    /// The suite of the row.
    pub suite: Suite,
    /// Workload, target, boundary and metric.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// The unit of both medians.
    pub unit: Unit,
    /// Decides how it is judged.
    pub kind: Kind,
    /// The other side of the comparison: `base`, or the name of the pinned run.
    pub against: String,
    /// Median of base; `None` if not measured there.
    pub base: Option<f64>,
    /// Median of head; `None` if not measured there.
    pub head: Option<f64>,
    /// Result of the first measurement.
    pub first: Option<Reading>,
    /// Result of the second measurement, if the first required one.
    pub second: Option<Reading>,
    /// The smallest slowdown, as a share of 1, that this gate detects in 80 % of cases.
    pub minimum_detectable: Option<f64>,
    /// The result for this row.
    pub verdict: RowVerdict,
    /// The explanation of the verdict.
    pub reason: String,
}

/// The result of one measurement of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Blocks with both sides.
    pub blocks: usize,
    /// Head over base, inverted if more is better: above 1 is worse.
    pub ratio: f64,
    /// Its 95 % interval; a single point if values do not vary.
    pub ci95: Interval,
    /// Noise in base against base, as a share of 1: the end of its interval that is further out.
    pub noise: f64,
    /// Differences below this do not count, as a share of 1.
    pub floor: f64,
    /// p-value of "not worse by more than the floor", by relabelling; `None` if values do not vary.
    pub p_value: Option<f64>,
}

impl Reading {
    /// Whether the interval lies beyond the floor.
    pub fn is_worse(&self) -> bool {
        self.ci95.low > 1.0 + self.floor
    }

    /// Whether the interval lies equally far on the other side.
    pub fn is_better(&self) -> bool {
        self.ci95.high < 1.0 / (1.0 + self.floor)
    }
}

/// The result of judging a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowVerdict {
    /// Worse, beyond doubt.
    Regression,
    /// Measured in base and missing in head, because of a crash, a wrong output or a refusal.
    Lost,
    /// Too noisy, or worse in only one of two measurements.
    Inconclusive,
    /// The slowdown to detect is ruled out.
    Held,
    /// Better.
    Improved,
    /// Only in head.
    New,
    /// Not judged, for example because times are from another machine.
    NotJudged,
}

impl RowVerdict {
    /// The verdict's name.
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
    /// The source of the earlier passes.
    pub against: String,
    /// Directives that passed before; `None` if not recorded.
    pub before: Option<u32>,
    /// Directives that pass in head; `None` if they were not run.
    pub now: Option<u32>,
    /// Improved, held, new, regression or lost.
    pub verdict: RowVerdict,
    /// Why, including the directives that do not pass.
    pub reason: String,
}

impl PassRow {
    /// Describes how many passed before and pass now.
    pub fn counts(&self) -> String {
        match (self.now, self.before) {
            (Some(now), None) => format!("{now} pass"),
            (Some(now), Some(before)) => format!("{now} pass, {before} did"),
            (None, before) => format!("none ran, {} passed before", before.unwrap_or(0)),
        }
    }
}
