//! Measurements in, the report out. Pure: the seed of the first run is the seed of everything.

use plimsoll_record::{Recorded, Suite};

use super::passes::{self, Known, Meant, planned};
use super::pinned;
use super::report::{
    FalseAlarms, GateReport, GateRow, Kind, Overall, Reading, RowVerdict, SCHEMA, Settings,
};
use super::rows::{Measurement, Row, rows};
use crate::statistics::paired::rate_at_most;
use crate::statistics::{Paired, generator};

/// Gates that are made from the blocks of base and base again.
const GATES: usize = 200;

/// Resamples behind each interval of those: an end of an interval is known well enough from these
/// to say whether it lies beyond a floor.
const RESAMPLES: usize = 200;

/// Everything that a gate measured.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// For each suite the first measurement, and the second of what the first called worse.
    pub measured: Vec<(Measurement<'a>, Option<Measurement<'a>>)>,
    /// A recorded head without a base of its own: held against the pinned run alone.
    pub recorded: Option<&'a Recorded>,
    /// What head was to be asked of the specification's tests, and what came of it.
    pub passes: Option<Passes<'a>>,
    /// The run that is pinned.
    pub pinned: Option<&'a Recorded>,
    /// What is allowed.
    pub settings: Settings,
    /// What head is held against, in words.
    pub base: String,
    /// What is looked at, in words.
    pub head: String,
}

/// The specification's tests as a gate puts them.
#[derive(Debug, Clone)]
pub struct Passes<'a> {
    /// What head did; none if it could be asked nothing.
    pub head: Option<&'a Recorded>,
    /// What it was to be asked.
    pub meant: Meant,
    /// What is recorded as passing.
    pub known: Known,
}

/// The verdict on `job`.
pub fn judge(job: &Job<'_>) -> GateReport {
    let mut all = Vec::new();
    let mut idle: Vec<(Paired, f64)> = Vec::new();
    let mut seed = 0;
    for (first, second) in &job.measured {
        seed = first.head.run.seed;
        let again: Vec<Row> = match second {
            Some(second) => rows(*second, &job.settings, second.head.run.seed),
            None => Vec::new(),
        };
        for row in rows(*first, &job.settings, seed) {
            if let (Some(unchanged), Some(reading)) = (&row.unchanged, row.reading) {
                idle.push((unchanged.clone(), reading.floor.ln_1p()));
            }
            let second = again.iter().find(|other| other.key == row.key);
            all.push(judged(*first, row, second, &job.settings));
        }
    }
    if let Some(run) = job.pinned {
        let heads = job
            .measured
            .iter()
            .map(|(first, second)| (first.head, second.map(|second| second.head)));
        for (head, second) in heads.chain(job.recorded.map(|head| (head, None))) {
            if head.run.suite == run.run.suite {
                all.extend(pinned::rows(run, head, second, &job.settings));
            }
        }
    }
    let mut scripts = Vec::new();
    if let Some(one) = &job.passes {
        scripts.extend(passes::rows(&one.known, one.head, &one.meant));
    }
    if let Some(run) = job.pinned.filter(|run| run.run.suite == Suite::Conformance) {
        let known = Known::of(run);
        if let Some(one) = &job.passes {
            scripts.extend(passes::rows(&known, one.head, &one.meant));
        }
        if let Some(head) = job.recorded {
            scripts.extend(passes::rows(&known, Some(head), &planned(&head.run)));
        }
    }
    let fails = scripts.iter().any(|row| row.verdict.fails());
    let verdict = if fails || all.iter().any(|row| row.verdict.fails()) {
        Overall::Regression
    } else if all
        .iter()
        .any(|row| row.verdict == RowVerdict::Inconclusive)
        || (all.is_empty() && scripts.is_empty())
    {
        Overall::Inconclusive
    } else {
        Overall::Held
    };
    GateReport {
        schema: SCHEMA.to_owned(),
        verdict,
        base: job.base.clone(),
        head: job.head.clone(),
        baseline: job.pinned.map(|run| run.run.id.clone()),
        settings: job.settings,
        false_alarms: false_alarms(&idle, seed),
        warnings: warnings(job),
        rows: all,
        passes: scripts,
    }
}

fn judged(first: Measurement<'_>, row: Row, second: Option<&Row>, settings: &Settings) -> GateRow {
    let mut judged = GateRow {
        suite: first.head.run.suite,
        unit: row.key.metric.unit(),
        key: row.key,
        kind: row.kind,
        against: "base".to_owned(),
        base: row.base,
        head: row.head,
        first: row.reading,
        second: second.and_then(|second| second.reading),
        minimum_detectable: None,
        verdict: RowVerdict::NotJudged,
        reason: String::new(),
    };
    if let Some(reason) = row.lost {
        judged.verdict = RowVerdict::Lost;
        judged.reason = reason;
        return judged;
    }
    if row.base.is_none() {
        judged.verdict = RowVerdict::New;
        judged.reason = "base has no such row".to_owned();
        return judged;
    }
    if judged.kind == Kind::Deterministic {
        return deterministic(judged, row.reading);
    }
    if let (Some(changed), Some(reading)) = (&row.changed, row.reading) {
        let effect = changed.minimum_detectable(reading.ci95, reading.floor.ln_1p());
        judged.minimum_detectable = Some(effect.exp_m1());
    }
    (judged.verdict, judged.reason) = timed(row.reading, judged.second, settings);
    judged
}

fn percent(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

fn timed(
    first: Option<Reading>,
    second: Option<Reading>,
    settings: &Settings,
) -> (RowVerdict, String) {
    let Some(first) = first else {
        let why = "too few blocks in which base, base again and head were all measured";
        return (RowVerdict::Inconclusive, why.to_owned());
    };
    let found = percent(first.ratio);
    match (first.is_worse(), second) {
        (true, Some(second)) if second.is_worse() => (
            RowVerdict::Regression,
            format!(
                "{found}, and {} when measured again: both beyond {:.1} %",
                percent(second.ratio),
                100.0 * first.floor.max(second.floor)
            ),
        ),
        (true, Some(second)) => (
            RowVerdict::Inconclusive,
            format!("{found}, but {} when measured again", percent(second.ratio)),
        ),
        (true, None) => (
            RowVerdict::Inconclusive,
            format!("{found}, which no second measurement confirms"),
        ),
        (false, _) if first.is_better() => (RowVerdict::Improved, found),
        (false, _) if first.ci95.high <= 1.0 + settings.detect => (
            RowVerdict::Held,
            format!("not slower by {}", percent(first.ci95.high)),
        ),
        (false, _) => (
            RowVerdict::Inconclusive,
            format!(
                "too noisy: may be slower by {}; base against base alone reaches {:.1} %",
                percent(first.ci95.high),
                100.0 * first.noise
            ),
        ),
    }
}

/// The verdict on what no chance enters into.
pub(super) fn deterministic(row: GateRow, reading: Option<Reading>) -> GateRow {
    let (verdict, reason) = match reading {
        None => (
            RowVerdict::NotJudged,
            "nothing there on one side: no ratio".to_owned(),
        ),
        Some(reading) if reading.is_worse() => (
            RowVerdict::Regression,
            format!(
                "{} at the least, {:.1} % are allowed",
                percent(reading.ci95.low),
                100.0 * reading.floor
            ),
        ),
        Some(reading) if reading.ci95.high < 1.0 => (RowVerdict::Improved, percent(reading.ratio)),
        Some(reading) => (RowVerdict::Held, percent(reading.ratio)),
    };
    GateRow {
        first: reading,
        verdict,
        reason,
        ..row
    }
}

/// How often base against base would have failed: every block's labels drawn anew, twice where the
/// first drawing fails, over all rows.
fn false_alarms(idle: &[(Paired, f64)], seed: u64) -> Option<FalseAlarms> {
    if idle.is_empty() {
        return None;
    }
    let mut rng = generator(seed, "base against base");
    let failed = (0..GATES)
        .filter(|_| {
            idle.iter().any(|(blocks, floor)| {
                (0..2).all(|_| {
                    let drawn = blocks.relabelled(&mut rng);
                    drawn.lies_beyond(*floor, RESAMPLES, &mut rng)
                })
            })
        })
        .count();
    Some(FalseAlarms {
        gates: GATES,
        failed,
        rate_at_most: rate_at_most(failed, GATES),
    })
}

/// What makes this gate's verdict less certain.
fn warnings(job: &Job<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    for (first, _) in &job.measured {
        let of = |run: &Recorded| -> Vec<_> {
            let workloads = run.run.workloads.iter();
            workloads
                .map(|w| (w.workload.clone(), w.expected_sha256.clone()))
                .collect()
        };
        if of(first.base) != of(first.head) {
            warnings.push(format!(
                "{}: base and head expect different outputs",
                first.head.run.suite
            ));
        }
    }
    if let Some(pinned) = job.pinned {
        let heads = job.measured.iter().map(|(first, _)| first.head);
        for head in heads.chain(job.recorded) {
            if head.run.suite != pinned.run.suite {
                continue;
            }
            if let Some(why) = pinned::elsewhere(&pinned.run.environment, &head.run.environment) {
                warnings.push(format!(
                    "the pinned run {} is from another machine ({why}): what was timed there is not judged",
                    pinned.run.id
                ));
            }
            if !pinned.is_complete() {
                warnings.push(format!(
                    "the pinned run {} ended early: {} of {} trials are recorded",
                    pinned.run.id,
                    pinned.trials.len(),
                    pinned.run.plan.len()
                ));
            }
            if pinned.unreadable_lines > 0 {
                warnings.push(format!(
                    "the pinned run {} is damaged: {} of its lines could not be read",
                    pinned.run.id, pinned.unreadable_lines
                ));
            }
        }
    }
    warnings
}
