//! Tests of the specification that passed before and must still pass.
//!
//! Results do not vary: a script with fewer passes than recorded is a regression, and a missing one is lost.
//! `bench gate` and the ratchet of `bench run` both use this.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plimsoll_record::{Recorded, Run, ScriptLine, TargetId, WorkloadId};
use serde::{Deserialize, Serialize};

use super::report::RowVerdict;

/// Maximum directives named per script.
const NAMED: usize = 5;

/// The passes recorded earlier, by target and `group/script`, and their source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// A file name, or the name of a run.
    pub name: String,
    /// Number of directives that passed.
    pub passed: BTreeMap<(TargetId, String), u32>,
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

impl Known {
    /// The passes of a recorded run.
    pub fn of(run: &Recorded) -> Self {
        let found = scripts(run).into_iter();
        Known {
            name: run.run.id.clone(),
            passed: found.map(|(at, line)| (at, line.passed)).collect(),
        }
    }
}

/// The groups of tests planned per target. Recorded passes of these must appear again; those of other groups
/// are not missed.
pub type Meant = BTreeSet<(TargetId, WorkloadId)>;

/// The groups that `run` planned.
pub fn planned(run: &Run) -> Meant {
    let plans = run.plan.iter();
    plans
        .map(|plan| (plan.target.clone(), plan.workload.clone()))
        .collect()
}

/// Compares every script of `head` with the recorded passes; `None` means that head was not run. Passes in
/// `meant` that `head` does not have are lost.
pub fn rows(known: &Known, head: Option<&Recorded>, meant: &Meant) -> Vec<PassRow> {
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
