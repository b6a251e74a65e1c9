//! Compares two runs: one verdict per row.

use std::cmp::Ordering;

use plimsoll_record::run::TrialPlan;
use plimsoll_record::{Boundary, Metric, Recorded, Suite, Unit};
use serde::{Deserialize, Serialize};

use crate::alike::{NATIVE as ANCHOR, Scope, differences};
use crate::lost_trials;
use crate::noise::{Noise, Side, noise_between};
use crate::reference::quotient;
use crate::series::{Series, SeriesKey, series};
use crate::statistics::bootstrap::ratio_interval;
use crate::statistics::{Interval, Shift, generator, holm};

/// The schema of [`Comparison`].
pub const SCHEMA: &str = "plimsoll.comparison/1";

/// Significance level for all rows of a comparison together.
pub const LEVEL: f64 = 0.05;

/// The rule for calling a row faster or slower, for readers.
pub const RULE: &str = "A row is called faster or slower only if (1) the 95 % interval of its ratio, \
widened by the noise between the two runs, leaves out 1, and (2) a test of \"the difference is no \
larger than that noise\" (Yuen's trimmed t-test on the logarithms of trial medians) is rejected at 5 % \
after Holm's correction for all rows. The noise is the largest of: what unchanged native programs moved \
by between the runs (nine of ten of them), the drift between the halves of either run (two standard \
deviations), and 2 % (5 % where the runs share no unchanged native program).";

/// A candidate run compared with a base run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Always [`SCHEMA`] when written by this version.
    pub schema: String,
    /// Name of the base run.
    pub base: String,
    /// Name of the candidate run.
    pub candidate: String,
    /// How much runs of the same thing differ here.
    pub noise: Noise,
    /// Reasons to doubt that the runs are comparable.
    pub warnings: Vec<String>,
    /// Every row that both runs measured, where a ratio exists.
    pub rows: Vec<ComparedRow>,
    /// All other rows, with the reason why there is no ratio.
    pub unmatched: Vec<UnmatchedRow>,
}

impl Comparison {
    /// The number of rows with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|r| r.verdict == verdict).count()
    }
}

/// One row of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedRow {
    /// The suite of the row.
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
    /// Candidate over base: above 1 is slower, or more.
    pub ratio: f64,
    /// 95 % interval of `ratio`, widened at both ends by the noise between the runs; `None` if either run has
    /// fewer than two trials.
    pub ci95: Option<Interval>,
    /// p-value after Holm's correction; `None` with too few trials for a test.
    pub p_adjusted: Option<f64>,
    /// The smallest change, as a share of 1, that this comparison detects in 80 % of cases. Smaller changes
    /// may be missed, so "no difference shown" does not mean that there is none. `None` with too few trials
    /// for a test.
    pub minimum_detectable: Option<f64>,
    /// Trials that only one side lost, with the reason; their values do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// Faster, slower, or neither shown.
    pub verdict: Verdict,
}

/// Trials that one side lost and the other did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The side that still has the trials.
    pub measured_in: Measured,
    /// Their outcome on the other side.
    pub reason: String,
}

/// The result of comparing a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The candidate is faster, or lower in what is counted.
    Faster,
    /// The candidate is slower, or higher in what is counted.
    Slower,
    /// The difference is within random variation and the noise between the runs.
    NoDifferenceShown,
}

impl Verdict {
    /// The verdict's name for times.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::NoDifferenceShown => "no difference shown",
        }
    }
}

impl Verdict {
    /// The verdict on a metric where more is better.
    fn turned(self) -> Self {
        match self {
            Verdict::Faster => Verdict::Slower,
            Verdict::Slower => Verdict::Faster,
            Verdict::NoDifferenceShown => self,
        }
    }

    /// The verdict's name for values in `unit`.
    pub fn word(self, unit: Unit) -> &'static str {
        match (self, unit) {
            (_, Unit::Nanoseconds) | (Verdict::NoDifferenceShown, _) => self.name(),
            (verdict, Unit::PerSecond) => verdict.name(),
            (Verdict::Faster, Unit::Bytes | Unit::Count | Unit::Microjoules) => "less",
            (Verdict::Slower, Unit::Bytes | Unit::Count | Unit::Microjoules) => "more",
        }
    }
}

/// A row without a ratio: only one run has a value, or a value is zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmatchedRow {
    /// Workload, target, boundary and metric.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// The run that measured it.
    pub measured_in: Measured,
    /// Why the other run has no value, or why there is no ratio.
    #[serde(default)]
    pub reason: String,
}

/// The runs that measured a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// Only the base run; the candidate lost it.
    BaseOnly,
    /// Only the candidate run.
    CandidateOnly,
    /// Both, but a median is zero or negative.
    Both,
}

/// Compares `candidate` with `base`, row by row, by [`RULE`]. Pure and deterministic.
pub fn compare(base: &Recorded, candidate: &Recorded) -> Comparison {
    compare_among(base, candidate, 1)
}

/// Compares each of `candidates` with `base` as [`compare`] does, and also corrects p-values for the number
/// of candidates.
pub fn compare_all(base: &Recorded, candidates: &[Recorded]) -> Vec<Comparison> {
    let compared = candidates.iter();
    compared
        .map(|candidate| compare_among(base, candidate, candidates.len()))
        .collect()
}

fn compare_among(base: &Recorded, candidate: &Recorded, candidates: usize) -> Comparison {
    let (all_base, all_candidate) = (series(base), series(candidate));
    let base_series = measured(&all_base);
    let candidate_series = measured(&all_candidate);
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
    let pairs: Vec<(&Series, &Series)> = candidate_series
        .iter()
        .filter_map(|c| Some((find(&base_series, &c.key)?, c)))
        .collect();
    let mut unmatched: Vec<UnmatchedRow> = pairs
        .iter()
        .filter(|(b, c)| ratio_of(b, c).is_none())
        .map(|(b, _)| UnmatchedRow {
            key: b.key.clone(),
            measured_in: Measured::Both,
            reason: "a median is zero or negative: no ratio exists".to_owned(),
        })
        .collect();
    let mut lonely = |from: &[Series], other: (&Recorded, &[Series]), measured_in| {
        let missing = from
            .iter()
            .filter(|s| find(other.1, &s.key).is_none_or(is_empty));
        unmatched.extend(missing.map(|s| UnmatchedRow {
            key: s.key.clone(),
            measured_in,
            reason: why_missing(other.0, find(other.1, &s.key), &s.key),
        }));
    };
    lonely(
        &base_series,
        (candidate, &all_candidate),
        Measured::BaseOnly,
    );
    lonely(
        &candidate_series,
        (base, &all_base),
        Measured::CandidateOnly,
    );
    Comparison {
        schema: SCHEMA.to_owned(),
        base: base.run.id.clone(),
        candidate: candidate.run.id.clone(),
        warnings: warnings(base, candidate),
        rows: rows(&pairs, &noise, [base, candidate], candidates),
        noise,
        unmatched,
    }
}

fn find<'a>(all: &'a [Series], key: &SeriesKey) -> Option<&'a Series> {
    all.iter().find(|series| series.key == *key)
}

fn is_empty(series: &Series) -> bool {
    series.tally.ok == 0 || series.trials.is_empty()
}

/// Both medians and their ratio, candidate over base.
fn ratio_of(base: &Series, candidate: &Series) -> Option<(f64, f64, f64)> {
    let (low, high) = (base.median()?, candidate.median()?);
    Some((low, high, quotient(high, low)?))
}

/// The trials that only one of two series lost.
fn lost(base: &Series, candidate: &Series) -> Option<Lost> {
    let failures = |series: &Series| {
        let tally = &series.tally;
        tally.failed.count + tally.wrong_output.count + tally.unsupported.count
    };
    let (measured_in, of) = match (failures(base), failures(candidate)) {
        (0, 1..) => (Measured::BaseOnly, candidate),
        (1.., 0) => (Measured::CandidateOnly, base),
        _ => return None,
    };
    Some(Lost {
        measured_in,
        reason: lost_trials(&of.tally).join("; "),
    })
}

/// Why `run` has no value for `key`; `series` is its series, if there is one.
fn why_missing(run: &Recorded, series: Option<&Series>, key: &SeriesKey) -> String {
    let reasons = series.map_or_else(Vec::new, |series| lost_trials(&series.tally));
    if !reasons.is_empty() {
        return reasons.join("; ");
    }
    let run = &run.run;
    let mut skipped = run.skipped.iter();
    let names = [key.target.as_str(), key.workload.as_str()];
    if let Some(one) = skipped.find(|one| names.contains(&one.what.as_str())) {
        return format!("{} was skipped: {}", one.what, one.why);
    }
    if !run.targets.iter().any(|record| record.target == key.target) {
        return format!("the run has no target {}", key.target);
    }
    let is_planned =
        |trial: &TrialPlan| (&trial.target, &trial.workload) == (&key.target, &key.workload);
    match run.plan.iter().any(is_planned) {
        true => "its steps there do not measure this".to_owned(),
        false => format!(
            "the run does not measure {} on {}",
            key.workload, key.target
        ),
    }
}

/// The rows with a ratio.
fn rows(
    pairs: &[(&Series, &Series)],
    noise: &Noise,
    [base, candidate]: [&Recorded; 2],
    candidates: usize,
) -> Vec<ComparedRow> {
    let tests: Vec<Option<Shift>> = pairs
        .iter()
        .map(|(b, c)| Shift::between(&b.trial_medians(), &c.trial_medians()))
        .collect();
    let floors: Vec<f64> = pairs
        .iter()
        .map(|(b, _)| noise.floor_at(b.key.boundary).ln_1p())
        .collect();
    let adjusted: Vec<Option<f64>> = adjust(&tests, &floors)
        .into_iter()
        .map(|p| p.map(|p| (p * candidates as f64).min(1.0)))
        .collect();
    let made = candidates * adjusted.iter().flatten().count().max(1);
    let seed = base.run.seed ^ candidate.run.seed.rotate_left(32);
    pairs
        .iter()
        .zip(tests.iter().zip(&floors).zip(adjusted))
        .filter_map(|((b, c), ((test, &floor), p_adjusted))| {
            let (low, high, ratio) = ratio_of(b, c)?;
            let mut rng = generator(seed, &c.key.name());
            let ci95 = ratio_interval(&c.trial_medians(), &b.trial_medians(), &mut rng).map(|ci| {
                Interval {
                    low: ci.low / floor.exp(),
                    high: ci.high * floor.exp(),
                }
            });
            let effect = |test: &Shift| test.minimum_detectable(floor, LEVEL / made as f64);
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
                    .as_ref()
                    .map(|test| effect(test).exp_m1())
                    .filter(|effect| effect.is_finite()),
                lost: lost(b, c),
                verdict: match (c.key.boundary, c.key.metric.unit()) {
                    (Boundary::OnDisk, _) => exact(low, high),
                    // More is better.
                    (_, Unit::PerSecond) => verdict(ci95, p_adjusted).turned(),
                    _ => verdict(ci95, p_adjusted),
                },
            })
        })
        .collect()
}

/// The series that have a verified trial and are compared.
fn measured(all: &[Series]) -> Vec<Series> {
    let compared = all
        .iter()
        .filter(|series| !is_empty(series) && is_compared(&series.key));
    compared.cloned().collect()
}

/// Whether a series is compared between runs. Every further row makes all others harder to distinguish, so
/// levels are compared only by their fitted lines, and load only by two percentiles and the highest rate.
/// the highest rate.
pub(crate) fn is_compared(key: &SeriesKey) -> bool {
    if key.boundary.slope().is_some() {
        return false;
    }
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

/// The verdict on values that do not vary: any difference counts.
fn exact(base: f64, candidate: f64) -> Verdict {
    match candidate.total_cmp(&base) {
        Ordering::Less => Verdict::Faster,
        Ordering::Equal => Verdict::NoDifferenceShown,
        Ordering::Greater => Verdict::Slower,
    }
}

/// Everything that makes two runs hard to compare: differences and damage.
fn warnings(base: &Recorded, candidate: &Recorded) -> Vec<String> {
    let mut warnings: Vec<String> = differences(base, candidate)
        .iter()
        .map(|difference| match &difference.scope {
            Scope::Program(_, kinds) if *kinds == ANCHOR => {
                format!("{}, so it is no anchor", difference.describe())
            }
            _ => difference.describe(),
        })
        .collect();
    for (name, run) in [("base", base), ("candidate", candidate)] {
        if !run.is_complete() {
            warnings.push(format!("the {name} run was interrupted before its end"));
        }
        if run.unreadable_lines > 0 {
            warnings.push(format!(
                "the {name} run is damaged: {} of its lines do not count",
                run.unreadable_lines
            ));
        }
    }
    warnings
}
