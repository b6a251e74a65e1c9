//! The server of a trial with a neighbour: the run's workload with requests, on its native target.

use std::fs;

use plimsoll_adapter::protocol::{Instances, Launch, Prepare, Serve};
use plimsoll_record::run::{TargetKind, TrialPlan};
use plimsoll_record::{FailureKind, Outcome, Step};

use super::Session;
use crate::catalog::workloads::{DurationClass, Ready};
use crate::run::adapter::child::Fault;
use crate::run::trial::TrialResult;
use crate::run::trial::neighbour::{self, NeighbourTrial};
use crate::run::trial::serving::ServingTrial;

impl Session<'_> {
    pub(super) fn beside(
        &self,
        launch: &Launch,
        ready: &Ready,
        trial: &TrialPlan,
    ) -> Result<TrialResult, Fault> {
        let mut targets = self.job.targets.iter();
        let native = targets.find(|one| one.target.kind == TargetKind::Native);
        let mut workloads = self.workloads.values();
        let server = workloads.find(|ready| !ready.exchanges.is_empty());
        let found = native.zip(server).zip(self.job.load.as_ref());
        let Some(((native, server), load)) = found else {
            return Ok(TrialResult::nothing(Outcome::Unsupported {
                reason: "there is no server in this run: add --target native --workload handler"
                    .to_owned(),
            }));
        };
        let (native, workload) = (&native.target.id, &server.workload.id);
        let row = match self.find(native, workload) {
            Ok((row, _)) => row,
            Err(outcome) => return Ok(TrialResult::nothing(outcome)),
        };
        let scratch = self.pair_scratch(native, workload);
        if let Err(error) = fs::create_dir_all(&scratch) {
            return Ok(TrialResult::nothing(Outcome::Failed {
                kind: FailureKind::Start,
                message: format!("making {}: {error}", scratch.display()),
                stderr: String::new(),
            }));
        }
        let prepare = Prepare {
            target: native.clone(),
            workload: server.workload.clone(),
            scratch: scratch.clone(),
            portable: false,
        };
        let serve = Serve {
            target: native.clone(),
            workload: server.workload.clone(),
            scratch,
            instances: Instances::Kept,
        };
        let deadline = self.job.deadlines.trial;
        neighbour::run(&NeighbourTrial {
            launch,
            expected: &ready.expected,
            sleeps: ready.duration == DurationClass::Waiting,
            limited: trial.step == Step::BesideLimited,
            server: ServingTrial {
                prepare: Some(&prepare),
                adapter: &row.executable(self.job.checkout),
                directory: &self.job.checkout.root,
                serve: &serve,
                step: trial.step,
                load,
                exchanges: &server.exchanges,
                deadline,
                interrupt: self.interrupt,
            },
        })
    }
}
