//! Tests of the specification that passed before and must pass: the hardest of what must never fall.
//!
//! No chance enters: a script with fewer passing directives than are recorded is a regression, and a
//! missing one is lost. `bench gate` and the ratchet of `bench run` both use this.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plimsoll_record::{Recorded, Run, ScriptLine, TargetId, WorkloadId};

use super::report::{PassRow, RowVerdict};

/// Most directives named of one script that lost some.
const NAMED: usize = 5;

/// What passed before: by target and `group/script`, and where that is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedPasses {
    /// A file, or the name of a run.
    pub name: String,
    /// Directives that passed.
    pub passed: BTreeMap<(TargetId, String), u32>,
}

impl RecordedPasses {
    /// What a recorded run passed.
    pub fn of(run: &Recorded) -> Self {
        let found = scripts(run).into_iter();
        RecordedPasses {
            name: run.run.id.clone(),
            passed: found.map(|(at, line)| (at, line.passed)).collect(),
        }
    }
}

/// The groups of tests that were to be put to a target: what is recorded of these must be found
/// again. What is recorded of others is not missed.
pub type ExpectedGroups = BTreeSet<(TargetId, WorkloadId)>;

/// What `run` planned.
pub fn planned(run: &Run) -> ExpectedGroups {
    let plans = run.plan.iter();
    plans
        .map(|plan| (plan.target.clone(), plan.workload.clone()))
        .collect()
}

/// Every script of `head` compared with what is known to have passed; `None` is a head that was
/// not run at all. Of what was `meant`, what `head` does not have is lost.
pub fn rows(
    known: &RecordedPasses,
    head: Option<&Recorded>,
    meant: &ExpectedGroups,
) -> Vec<PassRow> {
    let found = head.map(scripts).unwrap_or_default();
    let put = head.map(|head| planned(&head.run)).unwrap_or_default();
    let mut rows = Vec::new();
    for ((target, script), &before) in &known.passed {
        let at = (target.clone(), WorkloadId::from(group(script)));
        if !meant.contains(&at) {
            continue;
        }
        let line = found.get(&(target.clone(), script.clone()));
        let (verdict, reason) = match line {
            None => (
                RowVerdict::Lost,
                match put.contains(&at) {
                    true => "it was not run, or could not be".to_owned(),
                    false => format!("its adapter does not run the tests of {} any more", at.1),
                },
            ),
            Some(line) if line.passed < before => (RowVerdict::Regression, unpassed(line)),
            Some(line) if line.passed > before => (RowVerdict::Improved, String::new()),
            Some(_) => (RowVerdict::Held, String::new()),
        };
        rows.push(PassRow {
            target: target.clone(),
            script: script.clone(),
            against: known.name.clone(),
            before: Some(before),
            now: line.map(|line| line.passed),
            verdict,
            reason,
        });
    }
    let new = found
        .iter()
        .filter(|(at, _)| !known.passed.contains_key(at));
    rows.extend(new.map(|((target, script), line)| PassRow {
        target: target.clone(),
        script: script.clone(),
        against: known.name.clone(),
        before: None,
        now: Some(line.passed),
        verdict: RowVerdict::New,
        reason: "nothing is recorded of it".to_owned(),
    }));
    rows
}

/// The group of a `group/script`.
fn group(script: &str) -> &str {
    script.split_once('/').map_or(script, |(group, _)| group)
}

/// The first directives that do not pass.
fn unpassed(line: &ScriptLine) -> String {
    let mut text = String::new();
    for finding in line.findings.iter().take(NAMED) {
        let between = if text.is_empty() { "" } else { "; " };
        let _ = write!(text, "{between}line {}: {}", finding.line, finding.message);
    }
    if line.findings.len() > NAMED {
        let _ = write!(text, "; and {} more", line.findings.len() - NAMED);
    }
    if text.is_empty() {
        text.push_str("fewer were run, or more are unsupported");
    }
    text
}

/// Every script of a run, by target and `group/script`.
fn scripts(run: &Recorded) -> BTreeMap<(TargetId, String), &ScriptLine> {
    let mut scripts = BTreeMap::new();
    for plan in &run.run.plan {
        let Some(trial) = run.trials.get(&plan.index) else {
            continue;
        };
        for line in &trial.scripts {
            let name = format!("{}/{}", plan.workload, line.script);
            scripts.insert((plan.target.clone(), name), line);
        }
    }
    scripts
}
