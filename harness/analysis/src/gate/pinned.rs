//! Compares head with a recorded run that a project has pinned.
//!
//! A pinned run was measured at another time and perhaps elsewhere. Each of its rows gets a verdict. Values
//! that do not vary are always judged; times only if machine and conditions are the same, by the rule of
//! `bench compare`, which allows for drift between runs.

use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Recorded, Unit};

use super::evidence::{Doubt, damage, doubt, is_copy, why_lost};
use super::plausible::doubted;
use super::report::{GateRow, Kind, RowVerdict, Settings};
use super::verdict::{self, deterministic, percent, weakened, without_ratio};
use crate::alike::{Difference, differences, kind_of};
use crate::compare::{ComparedRow, Comparison, Verdict, compare, is_compared};
use crate::series::{Series, SeriesKey, series};
use crate::statistics::bootstrap::RESAMPLING_TRIALS;

/// The pinned run, and the part of it that a gate covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pinned<'a> {
    pub(super) run: &'a Recorded,
    /// Globs of targets; empty means all.
    pub(super) targets: &'a [String],
    pub(super) settings: &'a Settings,
}

/// Head with the pinned run.
struct Beside<'a> {
    pinned: Pinned<'a>,
    head: &'a Recorded,
    known: Vec<Series>,
    found: Vec<Series>,
    differences: Vec<Difference>,
    /// Descriptions of damage to either run.
    damage: Vec<String>,
    is_copy: bool,
    comparison: Comparison,
    again: Option<Comparison>,
    /// Whether no second measurement is possible, because head is a recorded run.
    is_final: bool,
}

fn kind(key: &SeriesKey) -> Kind {
    match verdict::kind(key) {
        Kind::Timed if !is_compared(key) => Kind::Shown,
        kind => kind,
    }
}

/// The timed rows of `head` that are slower than in the pinned run.
pub(super) fn slower(pinned: &Recorded, head: &Recorded, settings: &Settings) -> Vec<SeriesKey> {
    if pinned.run.suite != head.run.suite
        || differences(pinned, head)
            .iter()
            .any(Difference::is_elsewhere)
    {
        return Vec::new();
    }
    let rows = compare(pinned, head).rows.into_iter();
    rows.filter(|row| kind(&row.key) == Kind::Timed && is_slower(row, settings))
        .map(|row| row.key)
        .collect()
}

fn is_slower(row: &ComparedRow, settings: &Settings) -> bool {
    let beyond = match (row.ci95, row.unit) {
        (Some(ci), Unit::PerSecond) => ci.high < 1.0 / (1.0 + settings.threshold),
        (Some(ci), _) => ci.low > 1.0 + settings.threshold,
        (None, _) => false,
    };
    row.verdict == Verdict::Slower && beyond
}

/// A verdict on every row of the pinned run, the rows that only head has, and warnings. `heads` are the runs
/// of head with their second measurements; `is_final` means that none can be made.
pub(super) fn rows(
    pinned: &Pinned<'_>,
    heads: &[(&Recorded, Option<&Recorded>)],
    is_final: bool,
) -> (Vec<GateRow>, Vec<String>) {
    let of_suite = |head: &&(&Recorded, _)| head.0.run.suite == pinned.run.run.suite;
    let Some((head, second)) = heads.iter().find(of_suite) else {
        let suites: Vec<&str> = heads
            .iter()
            .map(|(head, _)| head.run.suite.name())
            .collect();
        let why = match suites.as_slice() {
            [] => "head was not measured".to_owned(),
            suites => format!("head is a run of suite {}", suites.join(", ")),
        };
        return (unmeasured(pinned, &why), Vec::new());
    };
    let beside = Beside {
        pinned: *pinned,
        head,
        known: series(pinned.run),
        found: series(head),
        differences: differences(pinned.run, head),
        damage: [("the pinned run", pinned.run), ("head", head)]
            .into_iter()
            .flat_map(|(name, run)| {
                let found = damage(run).into_iter();
                found.map(move |why| format!("{name} {}: {why}", run.run.id))
            })
            .collect(),
        is_copy: is_copy(pinned.run, head),
        comparison: compare(pinned.run, head),
        again: second.map(|second| compare(pinned.run, second)),
        is_final,
    };
    let known = beside.known.iter().filter(|series| beside.is_meant(series));
    let mut rows: Vec<GateRow> = known.map(|series| beside.row(series)).collect();
    rows.extend(beside.new_rows());
    (rows, beside.warnings())
}

/// A row for each of the pinned run's, if none could be judged.
fn unmeasured(pinned: &Pinned<'_>, why: &str) -> Vec<GateRow> {
    series(pinned.run)
        .iter()
        .filter(|series| pinned.names(series))
        .map(|series| GateRow {
            reason: why.to_owned(),
            ..blank(pinned.run, series, None)
        })
        .collect()
}

impl Pinned<'_> {
    fn names(&self, series: &Series) -> bool {
        let target = series.key.target.as_str();
        let mut globs = self.targets.iter();
        self.targets.is_empty() || globs.any(|glob| plimsoll_record::glob::matches(glob, target))
    }
}

impl Beside<'_> {
    /// Whether the gate covers a row of the pinned run: its target matches, and a measured gate also measures
    /// its workload.
    fn is_meant(&self, series: &Series) -> bool {
        let mut plan = self.head.run.plan.iter();
        self.pinned.names(series)
            && (self.is_final || plan.any(|trial| trial.workload == series.key.workload))
    }

    fn row(&self, known: &Series) -> GateRow {
        let mut others = self.found.iter();
        let found = others.find(|other| other.key == known.key);
        let mut row = blank(self.pinned.run, known, found.and_then(Series::median));
        let Some(base) = row.base else {
            row.reason = format!("the pinned run has no figure: {}", why_lost(Some(known)));
            return row;
        };
        let doubt = found.map_or_else(|| Some(self.absent(known)), |head| doubt(known, head));
        if let Some(Doubt::Lost(reason)) = doubt {
            // A row that is only shown can be missing because of noise; its target's other rows show a real
            // loss.
            if row.kind != Kind::Shown {
                row.verdict = RowVerdict::Lost;
            }
            row.reason = reason;
            return row;
        }
        let (Some(found), Some(median)) = (found, row.head) else {
            row.verdict = match row.kind {
                Kind::Shown => RowVerdict::NotJudged,
                _ => RowVerdict::Inconclusive,
            };
            row.reason = match doubt {
                Some(Doubt::Weak(reason)) => reason,
                _ => "head has no figure".to_owned(),
            };
            return row;
        };
        if let Some(why) = self.unlike(&row) {
            row.reason = why;
            return row;
        }
        let judged = match row.kind {
            Kind::Shown => GateRow {
                reason: "shown only: too coarse or too variable to judge".to_owned(),
                ..row
            },
            Kind::Deterministic => deterministic(
                row,
                &known.trial_medians(),
                &found.trial_medians(),
                self.pinned.settings.growth,
            ),
            Kind::Timed => match without_ratio(&row.key, base, median) {
                Some((verdict, reason)) => GateRow {
                    verdict,
                    reason,
                    ..row
                },
                None => self.timed(row, known, found),
            },
        };
        let judged = match self.is_copy || judged.kind == Kind::Shown {
            true => judged,
            false => doubted(judged, &known.trial_medians(), &found.trial_medians(), true),
        };
        let damaged = self.damage.first().cloned().map(Doubt::Weak);
        weakened(weakened(judged, damaged), doubt)
    }

    /// Why head lacks a row that the pinned run has.
    fn absent(&self, known: &Series) -> Doubt {
        let key = &known.key;
        let run = &self.head.run;
        if !run.targets.iter().any(|record| record.target == key.target) {
            return Doubt::Lost(format!("head has no target {}", key.target));
        }
        if !run.plan.iter().any(|trial| trial.workload == key.workload) {
            return Doubt::Lost(format!("head does not run workload {}", key.workload));
        }
        let request = matches!(key.boundary, Boundary::Request | Boundary::FreshRequest);
        let reached = |other: &Series| {
            (&other.key.workload, &other.key.target, other.key.boundary)
                == (&key.workload, &key.target, key.boundary)
        };
        match key.at {
            // A sweep ends at the first rate that the server does not sustain; its highest rate has its own
            // row.
            Some(at) if request && self.found.iter().any(reached) => Doubt::Weak(format!(
                "head's sweep ended before {at} requests per second"
            )),
            _ => Doubt::Lost(why_lost(None)),
        }
    }

    /// Why the two sides of a row measure different things, or in different conditions.
    fn unlike(&self, row: &GateRow) -> Option<String> {
        let kind = kind_of(&self.pinned.run.run, &row.key.target);
        let other_kind = kind_of(&self.head.run, &row.key.target);
        if kind != other_kind {
            let name = |kind: Option<TargetKind>| match kind {
                Some(TargetKind::Native) => "a native program",
                Some(TargetKind::Wasm) => "a WebAssembly engine",
                Some(TargetKind::Container) => "a container",
                None => "nothing",
            };
            return Some(format!(
                "{} is {} in the pinned run and {} in head",
                row.key.target,
                name(kind),
                name(other_kind)
            ));
        }
        let mut all = self.differences.iter();
        let found = all.find(|difference| {
            difference.is_other_thing(&row.key, kind)
                || (row.kind != Kind::Deterministic && difference.is_elsewhere())
        })?;
        Some(found.describe())
    }

    fn timed(&self, mut row: GateRow, known: &Series, found: &Series) -> GateRow {
        let mut rows = self.comparison.rows.iter();
        let Some(compared) = rows.find(|other| other.key == row.key) else {
            row.reason = "no ratio exists".to_owned();
            return row;
        };
        row.minimum_detectable = compared.minimum_detectable;
        let confirmed = self.again.as_ref().and_then(|again| {
            let mut rows = again.rows.iter();
            rows.find(|other| other.key == row.key)
        });
        let fewest = known.trials.len().min(found.trials.len());
        (row.verdict, row.reason) = if is_slower(compared, self.pinned.settings) {
            self.slower(compared, confirmed)
        } else if self.is_copy {
            let why = "the same samples as the pinned run";
            (RowVerdict::Held, why.to_owned())
        } else if fewest < RESAMPLING_TRIALS {
            let why = format!(
                "{fewest} trials on one side, at least {RESAMPLING_TRIALS} are needed; {} by their medians",
                percent(compared.ratio)
            );
            (RowVerdict::Inconclusive, why)
        } else if compared.verdict == Verdict::Faster {
            let why = format!("{} by the medians", percent(compared.ratio));
            (RowVerdict::Improved, why)
        } else {
            self.bounded(compared)
        };
        row
    }

    fn slower(&self, first: &ComparedRow, second: Option<&ComparedRow>) -> (RowVerdict, String) {
        let found = format!("{:.3} times the pinned run", first.ratio);
        match second {
            Some(second) if is_slower(second, self.pinned.settings) => (
                RowVerdict::Regression,
                format!("{found}, and {:.3} times when measured again", second.ratio),
            ),
            Some(second) => (
                RowVerdict::Inconclusive,
                format!("{found}, but {:.3} times when measured again", second.ratio),
            ),
            None if self.is_final => (
                RowVerdict::Regression,
                format!("{found}, beyond noise and threshold"),
            ),
            None => (
                RowVerdict::Inconclusive,
                format!("{found}, not confirmed by a second measurement"),
            ),
        }
    }

    /// Held if the interval rules out the slowdown to detect on top of the noise between runs here, and if
    /// that noise is no larger than the slowdown.
    fn bounded(&self, row: &ComparedRow) -> (RowVerdict, String) {
        let detect = self.pinned.settings.detect;
        let floor = self.comparison.noise.floor_at(row.key.boundary);
        // A comparison's interval is widened by the floor at both ends.
        let worst = row.ci95.map(|ci| match row.unit {
            Unit::PerSecond => 1.0 / (ci.low * (1.0 + floor)),
            _ => ci.high / (1.0 + floor),
        });
        match worst {
            Some(worst) if floor <= detect && worst <= (1.0 + detect) * (1.0 + floor) => (
                RowVerdict::Held,
                format!("not slower by {}", percent(worst)),
            ),
            Some(worst) => (
                RowVerdict::Inconclusive,
                format!(
                    "too noisy: may be slower by {}; two runs here differ by {:.1} %",
                    percent(worst),
                    100.0 * floor
                ),
            ),
            None => (
                RowVerdict::Inconclusive,
                "too few trials for an interval".to_owned(),
            ),
        }
    }

    /// The rows that only head has.
    fn new_rows(&self) -> Vec<GateRow> {
        self.found
            .iter()
            .filter(|series| series.median().is_some() && kind(&series.key) != Kind::Shown)
            .filter(|series| {
                let mut known = self.known.iter();
                !known.any(|known| known.key == series.key)
            })
            .map(|series| GateRow {
                base: None,
                head: series.median(),
                verdict: RowVerdict::New,
                reason: "the pinned run has no such row".to_owned(),
                ..blank(self.pinned.run, series, None)
            })
            .collect()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.damage.clone();
        let differences = self.differences.iter().map(Difference::describe);
        warnings.extend(differences.map(|difference| format!("the pinned run: {difference}")));
        if self.is_copy {
            warnings.push(format!(
                "{} holds the same samples as the pinned run: it is a copy and shows nothing new",
                self.head.run.id
            ));
        }
        let outside = self.known.iter().filter(|series| !self.is_meant(series));
        let outside = outside.count();
        if outside > 0 {
            warnings.push(format!(
                "{outside} rows of the pinned run are outside this gate: other targets or workloads"
            ));
        }
        warnings
    }
}

fn blank(pinned: &Recorded, known: &Series, head: Option<f64>) -> GateRow {
    GateRow {
        suite: pinned.run.suite,
        key: known.key.clone(),
        unit: known.key.metric.unit(),
        kind: kind(&known.key),
        against: pinned.run.id.clone(),
        base: known.median(),
        head,
        first: None,
        second: None,
        minimum_detectable: None,
        verdict: RowVerdict::NotJudged,
        reason: String::new(),
    }
}
