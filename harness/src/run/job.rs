//! A run before it is carried out: what is measured on what, in which order, for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use plimsoll_record::run::{Density, Load, PreflightNote, Run, SCHEMA, Skipped, TrialPlan};
use plimsoll_record::{Suite, WorkloadId};
use time::OffsetDateTime;

use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::ResolvedTarget;
use crate::catalog::targets::Table;
use crate::catalog::workloads::Ready;
use crate::machine::environment;
use crate::suites::conformance::groups::Tests;
use crate::suites::sandbox::questions::Questions;

/// What a run puts to its targets.
#[derive(Debug, Clone)]
pub enum Subject {
    /// Workloads, verified.
    Workloads(Vec<Ready>),
    /// The specification's tests.
    Specification(Tests),
    /// The questions of the suite `sandbox`.
    Sandbox(Questions),
}

/// How long something may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Time after which a trial is killed.
    pub trial: Duration,
    /// Time after which preparing a pair is given up.
    pub prepare: Duration,
}

/// A run, ready to be carried out.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// Where things are.
    pub checkout: &'a Checkout,
    /// Which adapter drives which target.
    pub table: &'a Table,
    /// The run's name.
    pub id: String,
    /// The suite.
    pub suite: Suite,
    /// What is put to the targets.
    pub subject: Subject,
    /// The targets.
    pub targets: Vec<ResolvedTarget>,
    /// Every trial, in the order of execution.
    pub plan: Vec<TrialPlan>,
    /// Seed of the plan and of the bootstrap.
    pub seed: u64,
    /// How long a trial and preparing a pair may take.
    pub deadlines: Deadlines,
    /// The load that servers are put under, in a suite that has one.
    pub load: Option<Load>,
    /// How many are alive at once, in a suite that counts by level.
    pub density: Option<Density>,
    /// Whether it is the smallest honest run.
    pub quick: bool,
    /// Whether noise is held down.
    pub denoised: bool,
    /// The command line that makes this run again.
    pub command: Vec<String>,
    /// What makes the machine noisy, and other things worth recording.
    pub notes: Vec<PreflightNote>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

impl Job<'_> {
    /// What is recorded of it before the first trial.
    pub fn record(&self) -> Run {
        let workloads = match &self.subject {
            Subject::Workloads(ready) => ready.iter().map(|ready| ready.record.clone()).collect(),
            Subject::Specification(_) | Subject::Sandbox(_) => Vec::new(),
        };
        Run {
            schema: SCHEMA.to_owned(),
            id: self.id.clone(),
            suite: self.suite,
            bench_version: env!("CARGO_PKG_VERSION").to_owned(),
            started: OffsetDateTime::now_utc(),
            ended: None,
            command: self.command.clone(),
            seed: self.seed,
            quick: self.quick,
            denoised: Some(self.denoised),
            environment: environment::look(self.checkout),
            preflight: self.notes.clone(),
            programs: Vec::new(),
            targets: self.targets.iter().map(ResolvedTarget::record).collect(),
            workloads,
            artefacts: Vec::new(),
            skipped: self.skipped.clone(),
            load: self.load.clone(),
            density: self.density.clone(),
            specification: match &self.subject {
                Subject::Specification(tests) => Some(tests.record.clone()),
                _ => None,
            },
            sandbox: match &self.subject {
                Subject::Sandbox(questions) => Some(questions.record()),
                _ => None,
            },
            plan: self.plan.clone(),
        }
    }

    /// The workloads by their ids; none where the suite has none.
    pub fn workloads(&self) -> BTreeMap<WorkloadId, Ready> {
        let Subject::Workloads(ready) = &self.subject else {
            return BTreeMap::new();
        };
        let by_id = |ready: &Ready| (ready.workload.id.clone(), ready.clone());
        ready.iter().map(by_id).collect()
    }

    /// The specification's tests, where they are the subject.
    pub fn tests(&self) -> Option<&Tests> {
        match &self.subject {
            Subject::Specification(tests) => Some(tests),
            _ => None,
        }
    }

    /// The questions, where they are the subject.
    pub fn questions(&self) -> Option<&Questions> {
        match &self.subject {
            Subject::Sandbox(questions) => Some(questions),
            _ => None,
        }
    }
}
