//! Head held against a recorded run: what a project has pinned.
//!
//! A recorded run was measured at another time and perhaps elsewhere. So what no chance enters into
//! is judged always, what was timed only if it was timed on the same machine, and then by the rule
//! of `bench compare`, which knows of drift between runs.

use plimsoll_record::run::Environment;
use plimsoll_record::{Recorded, Unit};

use super::report::{GateRow, Kind, Reading, RowVerdict, Settings};
use super::rows::{counted, kind};
use crate::compare::{ComparedRow, Verdict, compare};
use crate::series::{Series, SeriesKey, series};

/// Why what was timed there does not compare with what is timed here; `None` if it does.
pub fn elsewhere(pinned: &Environment, here: &Environment) -> Option<String> {
    let facts = |e: &Environment| {
        [
            ("processor", e.cpu_model.clone()),
            ("number of processors", e.cpus.to_string()),
            ("memory", format!("{} bytes", e.memory_bytes)),
            ("kernel", e.kernel.clone()),
        ]
    };
    let mut differing = facts(pinned).into_iter().zip(facts(here));
    let ((what, there), (_, here)) = differing.find(|(there, here)| there != here)?;
    Some(format!("the {what} was {there} there and is {here} here"))
}

/// The timed rows of `head` that are slower than those of the run that is pinned.
pub(super) fn slower(pinned: &Recorded, head: &Recorded, settings: &Settings) -> Vec<SeriesKey> {
    if pinned.run.suite != head.run.suite
        || elsewhere(&pinned.run.environment, &head.run.environment).is_some()
    {
        return Vec::new();
    }
    let rows = compare(pinned, head).rows.into_iter();
    rows.filter(|row| kind(&row.key) == Some(Kind::Timed) && is_slower(row, settings))
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

/// The rows of `head` held against the run that is pinned; `second` is head measured once more.
pub(super) fn rows(
    pinned: &Recorded,
    head: &Recorded,
    second: Option<&Recorded>,
    settings: &Settings,
) -> Vec<GateRow> {
    let meant = |key: &SeriesKey| {
        let mut plan = head.run.plan.iter();
        plan.any(|trial| trial.target == key.target && trial.workload == key.workload)
    };
    let known = series(pinned);
    let found = series(head);
    let mut rows: Vec<GateRow> = known
        .iter()
        .filter(|series| meant(&series.key) && series.median().is_some())
        .filter(|series| kind(&series.key) == Some(Kind::Deterministic))
        .map(|series| {
            let head = found.iter().find(|other| other.key == series.key);
            counted_row(pinned, series, head, settings)
        })
        .collect();
    let timed = |key: &SeriesKey| meant(key) && kind(key) == Some(Kind::Timed);
    if let Some(why) = elsewhere(&pinned.run.environment, &head.run.environment) {
        rows.extend(
            known
                .iter()
                .filter(|series| timed(&series.key) && series.median().is_some())
                .map(|series| GateRow {
                    reason: format!("timed on another machine: {why}"),
                    ..blank(pinned, &series.key, Kind::Timed, series.median(), None)
                }),
        );
        return rows;
    }
    let comparison = compare(pinned, head);
    let again = second.map(|second| compare(pinned, second));
    rows.extend(
        comparison
            .rows
            .iter()
            .filter(|row| timed(&row.key))
            .map(|row| {
                let confirmed = again.as_ref().and_then(|again| {
                    let mut rows = again.rows.iter();
                    rows.find(|other| other.key == row.key)
                });
                timed_row(pinned, row, confirmed, settings)
            }),
    );
    rows
}

fn counted_row(
    pinned: &Recorded,
    known: &Series,
    head: Option<&Series>,
    settings: &Settings,
) -> GateRow {
    let median = head.and_then(Series::median);
    let row = blank(
        pinned,
        &known.key,
        Kind::Deterministic,
        known.median(),
        median,
    );
    let (Some(head), Some(_)) = (head, median) else {
        return GateRow {
            verdict: RowVerdict::Lost,
            reason: "the pinned run has it and head could not be measured".to_owned(),
            ..row
        };
    };
    let reading = counted(
        &known.key,
        &known.trial_medians(),
        &head.trial_medians(),
        settings.growth,
    );
    super::judge::deterministic(row, reading)
}

fn timed_row(
    pinned: &Recorded,
    row: &ComparedRow,
    confirmed: Option<&ComparedRow>,
    settings: &Settings,
) -> GateRow {
    let mut judged = blank(
        pinned,
        &row.key,
        Kind::Timed,
        Some(row.base),
        Some(row.candidate),
    );
    judged.minimum_detectable = row.minimum_detectable;
    (judged.verdict, judged.reason) = match (is_slower(row, settings), confirmed) {
        (true, Some(second)) if is_slower(second, settings) => (
            RowVerdict::Regression,
            format!(
                "{:.3} and {:.3} times the pinned run, in two measurements",
                row.ratio, second.ratio
            ),
        ),
        (true, Some(second)) => (
            RowVerdict::Inconclusive,
            format!(
                "{:.3} times the pinned run, but {:.3} times when measured again",
                row.ratio, second.ratio
            ),
        ),
        (true, None) => (
            RowVerdict::Inconclusive,
            format!(
                "{:.3} times the pinned run, which no second measurement confirms",
                row.ratio
            ),
        ),
        (false, _) if row.verdict == Verdict::Faster => (
            RowVerdict::Improved,
            "faster than the pinned run".to_owned(),
        ),
        (false, _) => (
            RowVerdict::Held,
            "no difference shown beyond what runs here differ by".to_owned(),
        ),
    };
    judged
}

fn blank(
    pinned: &Recorded,
    key: &SeriesKey,
    kind: Kind,
    base: Option<f64>,
    head: Option<f64>,
) -> GateRow {
    GateRow {
        suite: pinned.run.suite,
        key: key.clone(),
        unit: key.metric.unit(),
        kind,
        against: pinned.run.id.clone(),
        base,
        head,
        first: None::<Reading>,
        second: None,
        minimum_detectable: None,
        verdict: RowVerdict::NotJudged,
        reason: String::new(),
    }
}
