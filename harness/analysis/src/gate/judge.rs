//! Turns measurements into the report. Pure: the first run's seed determines all random numbers.

use plimsoll_record::{Recorded, Suite};

use super::evidence::{Doubt, damage};
use super::passes::{self, ExpectedGroups, RecordedPasses, planned};
use super::pinned::{self, Pinned};
use super::plausible::doubted;
use super::report::{
    FalseAlarms, GateReport, GateRow, Kind, Overall, PassRow, Reading, RowVerdict, SCHEMA, Settings,
};
use super::rows::{Measurement, Row, rows};
use super::verdict::{deterministic, percent, weakened, without_ratio};
use crate::statistics::paired::rate_at_most;
use crate::statistics::{Paired, generator};

/// Number of gates simulated from the blocks of base and base again.
const GATES: usize = 200;

/// Resamples per interval of a simulated gate: enough to decide whether it lies beyond a floor.
const RESAMPLES: usize = 200;

/// All measurements of a gate.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// For each suite the first measurement, and the second one of what the first found worse.
    pub measured: Vec<(Measurement<'a>, Option<Measurement<'a>>)>,
    /// A recorded head without its own base, compared only with the pinned run.
    pub recorded: Option<&'a Recorded>,
    /// The specification's tests planned for head, with their results.
    pub passes: Option<Passes<'a>>,
    /// The pinned run, if there is one.
    pub pinned: Option<&'a Recorded>,
    /// Globs of the gate's targets; empty means all. Rows of the pinned run on other targets are not judged.
    pub targets: &'a [String],
    /// The allowed changes.
    pub settings: Settings,
    /// A description of base.
    pub base: String,
    /// A description of head.
    pub head: String,
}

/// The specification's tests in a gate.
#[derive(Debug, Clone)]
pub struct Passes<'a> {
    /// The run of head; `None` if no target of head runs these tests.
    pub head: Option<&'a Recorded>,
    /// The tests planned for head.
    pub meant: ExpectedGroups,
    /// The recorded passes.
    pub known: RecordedPasses,
}

/// Judges `job`.
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
    let mut warnings = warnings(job);
    if let Some(run) = job.pinned {
        let pinned = Pinned {
            run,
            targets: job.targets,
            settings: &job.settings,
        };
        let (rows, reasons) = pinned::rows(&pinned, &heads(job), job.recorded.is_some());
        all.extend(rows);
        warnings.extend(reasons);
    }
    let scripts = scripts(job);
    GateReport {
        schema: SCHEMA.to_owned(),
        verdict: overall(&all, &scripts),
        base: job.base.clone(),
        head: job.head.clone(),
        baseline: job.pinned.map(|run| run.run.id.clone()),
        settings: job.settings,
        false_alarms: false_alarms(&idle, seed),
        warnings,
        rows: all,
        passes: scripts,
    }
}

/// Every run of head with its second measurement.
fn heads<'a>(job: &Job<'a>) -> Vec<(&'a Recorded, Option<&'a Recorded>)> {
    let measured = job
        .measured
        .iter()
        .map(|(first, second)| (first.head, second.map(|second| second.head)));
    let recorded = job.recorded.map(|head| (head, None));
    measured.chain(recorded).collect()
}

/// Compares the scripts of the specification's tests with the recorded passes.
fn scripts(job: &Job<'_>) -> Vec<PassRow> {
    let mut scripts = Vec::new();
    if let Some(one) = &job.passes {
        scripts.extend(passes::rows(&one.known, one.head, &one.meant));
    }
    if let Some(run) = job.pinned.filter(|run| run.run.suite == Suite::Conformance) {
        let known = RecordedPasses::of(run);
        if let Some(one) = &job.passes {
            scripts.extend(passes::rows(&known, one.head, &one.meant));
        }
        if let Some(head) = job.recorded {
            scripts.extend(passes::rows(&known, Some(head), &planned(&run.run)));
        }
    }
    scripts
}

/// The worst verdict of all rows; not judged if no row was.
fn overall(rows: &[GateRow], scripts: &[PassRow]) -> Overall {
    let verdicts: Vec<RowVerdict> = rows
        .iter()
        .filter(|row| row.kind != Kind::Shown)
        .map(|row| row.verdict)
        .chain(scripts.iter().map(|row| row.verdict))
        .collect();
    let any = |verdict| verdicts.contains(&verdict);
    let was_judged = any(RowVerdict::Held) || any(RowVerdict::Improved);
    if verdicts.iter().any(|verdict| verdict.fails()) {
        Overall::Regression
    } else if any(RowVerdict::NotJudged) {
        Overall::NotJudged
    } else if any(RowVerdict::Inconclusive) {
        Overall::Inconclusive
    } else if was_judged {
        Overall::Held
    } else {
        Overall::NotJudged
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
    if let Some(Doubt::Lost(reason)) = row.doubt {
        judged.verdict = RowVerdict::Lost;
        judged.reason = reason;
        return judged;
    }
    let (Some(base), Some(head)) = (row.base, row.head) else {
        judged.verdict = RowVerdict::New;
        judged.reason = "base has no such row".to_owned();
        return judged;
    };
    if judged.kind == Kind::Deterministic {
        judged = deterministic(judged, &row.values[0], &row.values[1], settings.growth);
    } else if let Some(found) = without_ratio(&judged.key, base, head) {
        (judged.verdict, judged.reason) = found;
    } else {
        if let (Some(changed), Some(reading)) = (&row.changed, row.reading) {
            let effect = changed.minimum_detectable(reading.ci95, reading.floor.ln_1p());
            judged.minimum_detectable = Some(effect.exp_m1()).filter(|effect| effect.is_finite());
        }
        (judged.verdict, judged.reason) = timed(row.reading, judged.second, settings);
    }
    let judged = doubted(judged, &row.values[0], &row.values[1], false);
    weakened(judged, row.doubt)
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
            format!("{found}, not confirmed by a second measurement"),
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

/// How often base against base would have failed: relabels every block at random, and again if the first
/// relabelling fails, over all rows.
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

/// Reasons why this gate's verdict is less certain.
fn warnings(job: &Job<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    for (first, second) in &job.measured {
        let of = |run: &Recorded| -> Vec<_> {
            let workloads = run.run.workloads.iter();
            workloads
                .map(|w| (w.workload.clone(), w.expected_sha256.clone()))
                .collect()
        };
        if of(first.base) != of(first.head) {
            warnings.push(format!(
                "{}: base and head have different expected outputs",
                first.head.run.suite
            ));
        }
        for measurement in [Some(first), second.as_ref()].into_iter().flatten() {
            for run in [measurement.base, measurement.again, measurement.head] {
                let found = damage(run).into_iter();
                warnings.extend(found.map(|why| format!("{}: {why}", run.run.id)));
            }
        }
    }
    warnings
}
