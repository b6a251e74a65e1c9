//! Runs a trial of the suite `conformance`: a group of the specification's tests on one target.

use std::fs;

use plimsoll_record::conformance::ScriptLine;
use plimsoll_record::run::TrialPlan;
use plimsoll_record::{FailureKind, Outcome};

use super::Session;
use crate::run::adapter::child::Fault;
use crate::run::trial::TrialResult;
use crate::suites::conformance::drive::{self, MEMORY_BYTES, ScriptRequest};
use crate::suites::conformance::{testsuite, wasi};

impl Session<'_> {
    /// Results of every script of the trial's group. The trial is ok if every directive has a verdict.
    pub(super) fn specification(
        &self,
        trial: &TrialPlan,
        attempt: u32,
    ) -> Result<(TrialResult, Vec<ScriptLine>), Fault> {
        let refused = |reason: String| {
            let outcome = Outcome::Unsupported { reason };
            Ok((TrialResult::nothing(outcome), Vec::new()))
        };
        let Some(row) = self.job.table.adapter_of(&trial.target) else {
            return refused(format!(
                "runtimes/targets.toml has no target {}",
                trial.target
            ));
        };
        let tests = self.job.tests();
        let Some((group, scripts)) = tests.and_then(|tests| tests.group(&trial.workload)) else {
            return refused(format!("there are no tests called {}", trial.workload));
        };
        if let (wasi::ID, [cases]) = (group.id.as_str(), scripts) {
            let words = row.wasi_tests.get(&trial.target);
            let words = words.map_or(&[][..], Vec::as_slice);
            let number = (trial.index, attempt);
            let line = wasi::run(self.job.checkout, words, cases, number, self.interrupt);
            return recorded(line.map(|line| vec![line]));
        }
        let scratch = self.pair_scratch(&trial.target, &trial.workload);
        let folder = tests.and_then(|tests| tests.record.wasi_testsuite.as_deref());
        if let (testsuite::ID, Some(folder)) = (group.id.as_str(), folder) {
            let words = row.wasi_tests.get(&trial.target);
            let words = words.map_or(&[][..], Vec::as_slice);
            let number = (trial.index, attempt);
            return recorded(testsuite::run(
                self.job.checkout,
                folder,
                words,
                &scratch,
                number,
                self.interrupt,
            ));
        }
        let request = ScriptRequest {
            program: &row.executable(self.job.checkout),
            directory: &self.job.checkout.root,
            target: &trial.target,
            claims: tests.map_or(&[], |tests| tests.claims(&trial.target)),
            group,
            scripts,
            scratch: &scratch,
            deadline: self.job.deadlines.trial,
            memory_bytes: MEMORY_BYTES,
            trial: (trial.index, attempt),
        };
        let done = fs::create_dir_all(&scratch)
            .map_err(|error| Fault::Start {
                program: scratch.display().to_string(),
                message: error.to_string(),
            })
            .and_then(|()| drive::run(&request, self.interrupt));
        recorded(done)
    }
}

fn recorded(done: Result<Vec<ScriptLine>, Fault>) -> Result<(TrialResult, Vec<ScriptLine>), Fault> {
    match done {
        Ok(lines) => Ok((TrialResult::nothing(Outcome::Ok), lines)),
        Err(Fault::Interrupted) => Err(Fault::Interrupted),
        Err(fault) => {
            let outcome = Outcome::Failed {
                kind: fault.kind().unwrap_or(FailureKind::Start),
                message: fault.to_string(),
                stderr: String::new(),
            };
            Ok((TrialResult::nothing(outcome), Vec::new()))
        }
    }
}
