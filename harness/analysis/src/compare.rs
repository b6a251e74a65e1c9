//! Two runs in, one verdict a row out.

use std::cmp::Ordering;

use plimsoll_record::{Boundary, Metric, Recorded, Suite, Unit};
use serde::{Deserialize, Serialize};

use crate::noise::{Noise, Side, noise_between};
use crate::series::{Series, SeriesKey, series};
use crate::statistics::bootstrap::ratio_interval;
use crate::statistics::{Interval, Shift, generator, holm};

/// The schema of [`Comparison`].
pub const SCHEMA: &str = "plimsoll.comparison/1";

/// Level of the family of all rows of a comparison.
pub const LEVEL: f64 = 0.05;

/// The rule by which a row is called faster or slower, for people to read.
pub const RULE: &str = "A row is called faster or slower only if (1) the 95 % interval of its ratio, \
widened by the noise between the two runs, leaves out 1, and (2) a test of \"the difference is no \
larger than that noise\" (Yuen's trimmed t-test on the logarithms of trial medians) is rejected at 5 % \
after Holm's correction for all rows. The noise is the largest of: what unchanged native programs moved \
by between the runs (nine of ten of them), the drift between the halves of either run (two standard \
deviations), and 2 % (5 % where the runs share no unchanged native program).";

/// A candidate run held against a base run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Always [`SCHEMA`] when written by this version.
    pub schema: String,
    /// Name of the run that is held against.
    pub base: String,
    /// Name of the run that is looked at.
    pub candidate: String,
    /// By how much runs of the same thing differ here.
    pub noise: Noise,
    /// Reasons to doubt that the two can be compared at all, in words.
    pub warnings: Vec<String>,
    /// Every row that both runs measured and that came to more than nothing in both.
    pub rows: Vec<ComparedRow>,
    /// Every row that only one of them measured.
    pub unmatched: Vec<UnmatchedRow>,
}

impl Comparison {
    /// How many rows have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|r| r.verdict == verdict).count()
    }
}

/// One row of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedRow {
    /// The question.
    pub suite: Suite,
    /// Workload, target, boundary and metric.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// The unit of both medians.
    pub unit: Unit,
    /// Median of the base run.
    pub base: f64,
    /// Median of the candidate run.
    pub candidate: f64,
    /// Candidate over base: above 1 is slower.
    pub ratio: f64,
    /// 95 % interval of `ratio`, widened at both ends by the noise between the runs; absent if
    /// either run has fewer than two trials.
    pub ci95: Option<Interval>,
    /// p-value after Holm's correction; absent where there are too few trials to test.
    pub p_adjusted: Option<f64>,
    /// The smallest change, as a share of 1, that this comparison finds in 80 % of all cases.
    /// Smaller ones go unseen: "no difference shown" does not say that there is none. Absent
    /// where there are too few trials to test.
    pub minimum_detectable: Option<f64>,
    /// What can be said.
    pub verdict: Verdict,
}

/// What can be said of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The candidate takes less time, or less of what is counted.
    Faster,
    /// The candidate takes more time, or more of what is counted.
    Slower,
    /// Nothing beyond chance and the noise between the runs.
    NoDifferenceShown,
}

impl Verdict {
    /// The verdict in words.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::NoDifferenceShown => "no difference shown",
        }
    }
}

impl Verdict {
    /// The verdict on what is better the more there is of it.
    fn turned(self) -> Self {
        match self {
            Verdict::Faster => Verdict::Slower,
            Verdict::Slower => Verdict::Faster,
            Verdict::NoDifferenceShown => self,
        }
    }

    /// The verdict in words, of what is counted in `unit`.
    pub fn word(self, unit: Unit) -> &'static str {
        match (self, unit) {
            (_, Unit::Nanoseconds) | (Verdict::NoDifferenceShown, _) => self.name(),
            (verdict, Unit::PerSecond) => verdict.name(),
            (Verdict::Faster, Unit::Bytes | Unit::Count) => "less",
            (Verdict::Slower, Unit::Bytes | Unit::Count) => "more",
        }
    }
}

/// A row that only one of two runs measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmatchedRow {
    /// Workload, target, boundary and metric.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// Which run measured it.
    pub measured_in: Measured,
}

/// Which of two runs measured a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// Only the base run: the candidate has lost it.
    BaseOnly,
    /// Only the candidate run.
    CandidateOnly,
}

/// Holds `candidate` against `base`, row by row, by [`RULE`]. Pure and deterministic.
pub fn compare(base: &Recorded, candidate: &Recorded) -> Comparison {
    let base_series = measured(base);
    let candidate_series = measured(candidate);
    let noise = noise_between(
        Side {
            recorded: base,
            series: &base_series,
        },
        Side {
            recorded: candidate,
            series: &candidate_series,
        },
    );
    let find = |all: &[Series], key: &SeriesKey| all.iter().position(|s| s.key == *key);
    let pairs: Vec<(&Series, &Series)> = candidate_series
        .iter()
        .filter_map(|c| Some((&base_series[find(&base_series, &c.key)?], c)))
        .collect();
    let tests: Vec<Option<Shift>> = pairs
        .iter()
        .map(|(b, c)| Shift::between(&b.trial_medians(), &c.trial_medians()))
        .collect();
    let floors: Vec<f64> = pairs
        .iter()
        .map(|(b, _)| noise.floor_at(b.key.boundary).ln_1p())
        .collect();
    let adjusted = adjust(&tests, &floors);
    let made = adjusted.iter().flatten().count().max(1);
    let seed = base.run.seed ^ candidate.run.seed.rotate_left(32);
    let rows = pairs
        .iter()
        .zip(tests.iter().zip(&floors).zip(adjusted))
        .filter_map(|((b, c), ((test, &floor), p_adjusted))| {
            let (low, high) = (b.median()?, c.median()?);
            // What is nothing, or less by chance, has no ratio to anything.
            if low <= 0.0 || high <= 0.0 {
                return None;
            }
            let ratio = high / low;
            let mut rng = generator(seed, &c.key.name());
            let ci95 = ratio_interval(&c.trial_medians(), &b.trial_medians(), &mut rng).map(|ci| {
                Interval {
                    low: ci.low / floor.exp(),
                    high: ci.high * floor.exp(),
                }
            });
            Some(ComparedRow {
                suite: candidate.run.suite,
                key: c.key.clone(),
                unit: c.key.metric.unit(),
                base: low,
                candidate: high,
                ratio,
                ci95,
                p_adjusted,
                minimum_detectable: test
                    .map(|t| t.minimum_detectable(floor, LEVEL / made as f64).exp_m1()),
                verdict: match (c.key.boundary, c.key.metric.unit()) {
                    (Boundary::OnDisk, _) => exact(low, high),
                    // More of it is better.
                    (_, Unit::PerSecond) => verdict(ci95, p_adjusted).turned(),
                    _ => verdict(ci95, p_adjusted),
                },
            })
        })
        .collect();
    let lonely = |from: &[Series], other: &[Series], measured_in| -> Vec<UnmatchedRow> {
        from.iter()
            .filter(|s| find(other, &s.key).is_none())
            .map(|s| UnmatchedRow {
                key: s.key.clone(),
                measured_in,
            })
            .collect()
    };
    let mut unmatched = lonely(&base_series, &candidate_series, Measured::BaseOnly);
    unmatched.extend(lonely(
        &candidate_series,
        &base_series,
        Measured::CandidateOnly,
    ));
    Comparison {
        schema: SCHEMA.to_owned(),
        base: base.run.id.clone(),
        candidate: candidate.run.id.clone(),
        noise,
        warnings: warnings(base, candidate),
        rows,
        unmatched,
    }
}

/// The series that hold at least one verified trial. Of what is alive at once the lines are held
/// against each other, not every level too: each row more makes every other harder to tell apart.
fn measured(recorded: &Recorded) -> Vec<Series> {
    let mut all = series(recorded);
    all.retain(|series| series.tally.ok > 0);
    all.retain(|series| is_compared(&series.key));
    all.retain(|series| !series.trials.is_empty() && series.key.boundary.slope().is_none());
    all
}

/// Of requests under load two percentiles and the most that was carried: each row more makes every
/// other harder to tell apart.
fn is_compared(key: &SeriesKey) -> bool {
    match (key.boundary, key.metric, key.at) {
        (Boundary::Request | Boundary::FreshRequest, Metric::P50 | Metric::P99, _) => true,
        (Boundary::Request | Boundary::FreshRequest, metric, at) => {
            metric == Metric::AchievedRate && at.is_none()
        }
        _ => true,
    }
}

fn adjust(tests: &[Option<Shift>], floors: &[f64]) -> Vec<Option<f64>> {
    let p_values: Vec<f64> = tests
        .iter()
        .zip(floors)
        .filter_map(|(test, &floor)| Some(test.as_ref()?.p_value(floor)))
        .collect();
    let mut adjusted = holm(&p_values).into_iter();
    tests
        .iter()
        .map(|test| test.as_ref().and_then(|_| adjusted.next()))
        .collect()
}

fn verdict(ci95: Option<Interval>, p_adjusted: Option<f64>) -> Verdict {
    match (ci95, p_adjusted) {
        (Some(ci), Some(p)) if p < LEVEL && ci.low > 1.0 => Verdict::Slower,
        (Some(ci), Some(p)) if p < LEVEL && ci.high < 1.0 => Verdict::Faster,
        _ => Verdict::NoDifferenceShown,
    }
}

/// Of what no chance enters into: any difference is one.
fn exact(base: f64, candidate: f64) -> Verdict {
    match candidate.total_cmp(&base) {
        Ordering::Less => Verdict::Faster,
        Ordering::Equal => Verdict::NoDifferenceShown,
        Ordering::Greater => Verdict::Slower,
    }
}

/// What makes these two runs hard to compare.
fn warnings(base: &Recorded, candidate: &Recorded) -> Vec<String> {
    let mut warnings = Vec::new();
    let (b, c) = (&base.run.environment, &candidate.run.environment);
    let mut differs = |what: &str, b: &str, c: &str| {
        if b != c {
            warnings.push(format!(
                "{what} differs: {b} in the base, {c} in the candidate"
            ));
        }
    };
    differs("the processor", &b.cpu_model, &c.cpu_model);
    differs(
        "the number of processors",
        &b.cpus.to_string(),
        &c.cpus.to_string(),
    );
    differs("the kernel", &b.kernel, &c.kernel);
    differs(
        "the version of bench",
        &base.run.bench_version,
        &candidate.run.bench_version,
    );
    let denoised = |run: &Recorded| match run.run.is_denoised() {
        true => "with --denoise".to_owned(),
        false => "without --denoise".to_owned(),
    };
    differs("the measuring", &denoised(base), &denoised(candidate));
    for workload in &base.run.workloads {
        let mut others = candidate.run.workloads.iter();
        let Some(other) = others.find(|other| other.workload == workload.workload) else {
            continue;
        };
        if other.wasm_sha256 != workload.wasm_sha256 {
            warnings.push(format!(
                "the .wasm of workload {} is not the same in both runs",
                workload.workload
            ));
        }
        if other.component_sha256 != workload.component_sha256 {
            warnings.push(format!(
                "the component of workload {} is not the same in both runs",
                workload.workload
            ));
        }
        if other.native_sha256 != workload.native_sha256 {
            warnings.push(format!(
                "the native binary of workload {} is not the same in both runs, so it is no anchor",
                workload.workload
            ));
        }
    }
    for (name, run) in [("base", base), ("candidate", candidate)] {
        if !run.is_complete() {
            warnings.push(format!("the {name} run was interrupted before its end"));
        }
    }
    warnings
}
