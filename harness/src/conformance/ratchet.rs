//! What passed before must pass: `runtimes/conformance.ratchet`, a line a target and script.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_record::Recorded;
use plimsoll_record::conformance::ScriptLine;

use super::testsuite;
use crate::checkout::Checkout;
use crate::format::count;

const HEAD: &str = "\
# How many directives of each of the specification's scripts pass: TARGET GROUP/SCRIPT PASSED.
# `bench run --suite conformance` fails when fewer do; with --record-passes it writes what it finds.
";

/// Most directives named of one script that lost some.
const NAMED: usize = 5;

/// What is recorded: passes by (target, group/script).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ratchet(BTreeMap<(String, String), u32>);

/// Where it is.
pub fn path(checkout: &Checkout) -> PathBuf {
    checkout.root.join("runtimes/conformance.ratchet")
}

impl Ratchet {
    /// Reads what is recorded; nothing if there is no such file.
    ///
    /// # Errors
    /// If it cannot be read, or a line is not of that form.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut ratchet = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let parsed = match words.as_slice() {
                [target, script, passed] => passed.parse().ok().map(|n| (*target, *script, n)),
                _ => None,
            };
            let Some((target, script, passed)) = parsed else {
                let message =
                    format!("line {number} is not `TARGET GROUP/SCRIPT PASSED`: {line:?}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            };
            let at = (target.to_owned(), script.to_owned());
            ratchet.0.insert(at, passed);
        }
        Ok(ratchet)
    }

    /// What is recorded: passes by (target, group/script).
    pub fn passes(&self) -> &BTreeMap<(String, String), u32> {
        &self.0
    }

    /// What a run lost, a line each; empty if nothing. Only groups that the run was asked count, and only
    /// of the collection that is brought along: of such a group a script that is there no more is lost.
    pub fn losses(&self, recorded: &Recorded) -> Vec<String> {
        let mut losses = Vec::new();
        let found = found(recorded);
        let asked: BTreeSet<(&str, &str)> = found
            .iter()
            .map(|(target, script, _)| (target.as_str(), group(script)))
            .collect();
        let there: BTreeSet<(&str, &str)> = found
            .iter()
            .map(|(target, script, _)| (target.as_str(), script.as_str()))
            .collect();
        for ((target, script), before) in &self.0 {
            let of_the_run = asked.contains(&(target.as_str(), group(script)));
            if of_the_run && !there.contains(&(target.as_str(), script.as_str())) {
                losses.push(format!(
                    "{target} was not asked {script}, of which {before} passed"
                ));
            }
        }
        for (target, script, line) in &found {
            let Some(before) = self.0.get(&(target.clone(), script.clone())) else {
                continue;
            };
            if line.passed >= *before {
                continue;
            }
            let mut loss = format!(
                "{target} passes {} of {script}, {before} did",
                count(line.passed as usize, "directive")
            );
            for finding in line.findings.iter().take(NAMED) {
                let _ = write!(loss, "\n  {script}:{}: {}", finding.line, finding.message);
            }
            if line.findings.len() > NAMED {
                let _ = write!(loss, "\n  and {} more", line.findings.len() - NAMED);
            }
            losses.push(loss);
        }
        losses
    }

    /// Whether something that a run passes is more than what is recorded, or not recorded at all.
    pub fn is_behind(&self, recorded: &Recorded) -> bool {
        let mut found = found(recorded).into_iter();
        found.any(|(target, script, line)| {
            self.0
                .get(&(target, script))
                .is_none_or(|before| line.passed > *before)
        })
    }

    /// Takes what a run passes in place of what was recorded of the same target and script.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn record(mut self, recorded: &Recorded, path: &Path) -> io::Result<()> {
        for (target, script, line) in found(recorded) {
            self.0.insert((target, script), line.passed);
        }
        let mut text = HEAD.to_owned();
        for ((target, script), passed) in &self.0 {
            let _ = writeln!(text, "{target} {script} {passed}");
        }
        fs::write(path, text)
    }
}

/// The group of a `group/script`.
fn group(script: &str) -> &str {
    script.split_once('/').map_or(script, |(group, _)| group)
}

/// Every script line of a run with its target and `group/script`.
fn found(recorded: &Recorded) -> Vec<(String, String, &ScriptLine)> {
    let brought_along = |run: &plimsoll_record::Run| {
        let specification = run.specification.as_ref();
        specification.is_some_and(|one| one.directory.is_none())
    };
    if !brought_along(&recorded.run) {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for plan in &recorded.run.plan {
        let Some(trial) = recorded.trials.get(&plan.index) else {
            continue;
        };
        // Whoever gave the folder knows which version it is; the next run may be given another.
        if plan.workload.as_str() == testsuite::ID {
            continue;
        }
        lines.extend(trial.scripts.iter().map(|line| {
            let script = format!("{}/{}", plan.workload, line.script);
            (plan.target.to_string(), script, line)
        }));
    }
    lines
}
