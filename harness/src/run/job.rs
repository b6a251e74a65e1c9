//! A run before its execution: what to measure, where, in which order, for how long.

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

/// What a run tests its targets with.
#[derive(Debug, Clone)]
pub enum Subject {
    /// Verified workloads.
    Workloads(Vec<Ready>),
    /// The specification's tests.
    Specification(Tests),
    /// The questions of the suite `sandbox`.
    Sandbox(Questions),
}

/// Time limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Time after which a trial is killed.
    pub trial: Duration,
    /// Time after which preparing a pair is aborted.
    pub prepare: Duration,
}

/// A run that is ready to execute.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// The project's files.
    pub checkout: &'a Checkout,
    /// The adapters and their targets.
    pub table: &'a Table,
    /// The run's name.
    pub id: String,
    /// The suite.
    pub suite: Suite,
    /// What the targets are tested with.
    pub subject: Subject,
    /// The targets.
    pub targets: Vec<ResolvedTarget>,
    /// Every trial, in order of execution.
    pub plan: Vec<TrialPlan>,
    /// Seed of the plan and of the bootstrap.
    pub seed: u64,
    /// Time limits of trials and of preparing pairs.
    pub deadlines: Deadlines,
    /// The load to offer to servers; `None` in suites without servers.
    pub load: Option<Load>,
    /// The levels of instances, processes and containers; `None` in suites without levels.
    pub density: Option<Density>,
    /// Whether it is the smallest valid run.
    pub quick: bool,
    /// Whether noise is reduced (`--denoise`).
    pub denoised: bool,
    /// The command line that repeats this run.
    pub command: Vec<String>,
    /// Noise sources and other notes for the record.
    pub notes: Vec<PreflightNote>,
    /// What was skipped, and why.
    pub skipped: Vec<Skipped>,
}

impl Job<'_> {
    /// The content of `run.json` before the first trial.
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

    /// The workloads by id; empty in suites without any.
    pub fn workloads(&self) -> BTreeMap<WorkloadId, Ready> {
        let Subject::Workloads(ready) = &self.subject else {
            return BTreeMap::new();
        };
        let by_id = |ready: &Ready| (ready.workload.id.clone(), ready.clone());
        ready.iter().map(by_id).collect()
    }

    /// The specification's tests, if they are the subject.
    pub fn tests(&self) -> Option<&Tests> {
        match &self.subject {
            Subject::Specification(tests) => Some(tests),
            _ => None,
        }
    }

    /// The questions, if they are the subject.
    pub fn questions(&self) -> Option<&Questions> {
        match &self.subject {
            Subject::Sandbox(questions) => Some(questions),
            _ => None,
        }
    }
}
