//! Runs a trial of the suite `sandbox`: one question to one target.

use std::fs;

use plimsoll_record::run::{TargetKind, TrialPlan};
use plimsoll_record::{FactLine, Outcome};

use super::Session;
use crate::run::adapter::child::Fault;
use crate::run::trial::TrialResult;
use crate::suites::sandbox::probe::{self, ProbeTrial};

impl Session<'_> {
    /// The answer to the trial's question. Any answer makes the trial ok.
    pub(super) fn sandbox(
        &self,
        trial: &TrialPlan,
        attempt: u32,
    ) -> Result<(TrialResult, Option<FactLine>), Fault> {
        let refused = |reason: String| {
            let outcome = Outcome::Unsupported { reason };
            Ok((TrialResult::nothing(outcome), None))
        };
        let Some(row) = self.job.table.adapter_of(&trial.target) else {
            return refused(format!(
                "runtimes/targets.toml has no target {}",
                trial.target
            ));
        };
        let questions = self.job.questions();
        let Some(question) = questions.and_then(|all| all.find(&trial.workload)) else {
            return refused(format!("there is no question called {}", trial.workload));
        };
        let scratch = self.pair_scratch(&trial.target, &trial.workload);
        if let Err(error) = fs::create_dir_all(&scratch) {
            return refused(format!("cannot make {}: {error}", scratch.display()));
        }
        let kind = self.kinds.get(&trial.target).copied();
        let probe = ProbeTrial {
            program: &row.executable(self.job.checkout),
            directory: &self.job.checkout.root,
            target: &trial.target,
            kind: kind.unwrap_or(TargetKind::Wasm),
            question,
            scratch: &scratch,
            deadline: self.job.deadlines.prepare,
        };
        let found = probe::run(&probe, self.interrupt)?;
        // The next guest must not find files of this one.
        let _ = fs::remove_dir_all(&scratch);
        Ok(match found {
            Ok((answer, evidence)) => {
                let fact = FactLine {
                    trial: trial.index,
                    attempt,
                    answer,
                    evidence,
                };
                (TrialResult::nothing(Outcome::Ok), Some(fact))
            }
            Err(lost) => {
                let outcome = Outcome::Failed {
                    kind: lost.kind,
                    message: lost.message,
                    stderr: lost.stderr,
                };
                (TrialResult::nothing(outcome), None)
            }
        })
    }
}
