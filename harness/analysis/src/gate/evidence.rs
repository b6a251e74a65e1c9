//! Decides whether a row's trials allow a verdict. A row never passes for lack of evidence.

use std::collections::BTreeSet;

use plimsoll_record::Recorded;
use plimsoll_record::reader::Trial;

use crate::lost_trials;
use crate::series::{Series, Tally};

/// A reason against a verdict on a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Head fails, base does not.
    Lost(String),
    /// Trials or values are missing, so the row must not pass.
    Weak(String),
}

/// Compares the outcomes of base's trials with those of head.
pub(super) fn doubt(base: &Series, head: &Series) -> Option<Doubt> {
    if head.trials.is_empty() {
        return Some(Doubt::Lost(why_lost(Some(head))));
    }
    let (known, found) = (&base.tally, &head.tally);
    if failures(found) > 0 {
        let reasons = lost_trials(&Tally {
            noted: Default::default(),
            ..found.clone()
        });
        let text = format!("in head {}", reasons.join("; "));
        return Some(match failures(known) {
            0 => Doubt::Lost(text),
            _ => Doubt::Weak(format!("{text}; base fails too")),
        });
    }
    for (side, tally) in [("base", known), ("head", found)] {
        if tally.not_reached > 0 {
            return Some(Doubt::Weak(format!(
                "{side} is incomplete: {} of {} trials have no outcome",
                tally.not_reached, tally.planned
            )));
        }
        for reasons in [&tally.other_unit, &tally.damaged] {
            if let Some(reason) = &reasons.first {
                return Some(Doubt::Weak(format!(
                    "{side}: in {} of {} trials {reason}",
                    reasons.count, tally.planned
                )));
            }
        }
    }
    let (was, now) = (missing(base), missing(head));
    (now * u64::from(known.planned) > was * u64::from(found.planned)).then(|| {
        Doubt::Weak(format!(
            "head is incomplete: {now} of {} trials succeeded without this value, in base {was} of {}",
            found.planned, known.planned
        ))
    })
}

/// Number of trials without a value: failed, wrong or refused.
fn failures(tally: &Tally) -> u32 {
    tally.failed.count + tally.wrong_output.count + tally.unsupported.count
}

/// Number of successful trials without a value of the series.
fn missing(series: &Series) -> u64 {
    let tally = &series.tally;
    let explained =
        failures(tally) + tally.not_reached + tally.other_unit.count + tally.damaged.count;
    u64::from(tally.planned.saturating_sub(explained)).saturating_sub(series.trials.len() as u64)
}

/// Why head has no value.
pub(super) fn why_lost(head: Option<&Series>) -> String {
    let reasons = head.map(|series| lost_trials(&series.tally));
    match reasons {
        Some(reasons) if !reasons.is_empty() => reasons.join("; "),
        _ => "head has no such row".to_owned(),
    }
}

/// Descriptions of damage to the files of a run; empty without damage.
pub(super) fn damage(run: &Recorded) -> Vec<String> {
    let mut found = Vec::new();
    if run.unreadable_lines > 0 {
        found.push(format!(
            "{} of its lines are damaged, repeat earlier ones, or belong to no planned trial",
            run.unreadable_lines
        ));
    }
    let repeated: usize = run.trials.values().map(repeated).sum();
    if repeated > 0 {
        found.push(format!("{repeated} of its samples are recorded twice"));
    }
    let reached = run.run.plan.iter();
    let reached = reached.filter(|trial| run.trials.contains_key(&trial.index));
    if !run.is_complete() {
        found.push(format!(
            "it ended early: {} of {} planned trials have an outcome",
            reached.count(),
            run.run.plan.len()
        ));
    }
    found
}

/// Number of samples of a trial that repeat an earlier one.
fn repeated(trial: &Trial) -> usize {
    let mut seen = BTreeSet::new();
    let samples = trial.samples.iter();
    let places = samples.map(|s| (s.boundary, s.metric, s.at, s.iteration));
    places.filter(|place| !seen.insert(*place)).count()
}

/// Whether `head` has exactly the samples of `base`: then it is a copy, not a second measurement.
pub(super) fn is_copy(base: &Recorded, head: &Recorded) -> bool {
    !base.trials.is_empty() && base.run.plan == head.run.plan && base.trials == head.trials
}
