//! Protocol tests for adapters in any language.
//!
//! [`check`] starts the adapter's binary as `bench` does and tests the rules of protocol.rs: hello, unknown targets and
//! workloads, unclaimed steps, measuring without prepare, garbage, end of input, and nothing but protocol on stdout. It
//! then prepares every case on every available target, runs each step that hello claims, and verifies the guest's
//! output. It does not judge times.

mod cases;
mod session;
#[cfg(feature = "workloads")]
mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_record::{Nanoseconds, Step, TargetId, WorkloadId};

use crate::protocol::{
    Availability, Hello, Levels, Measure, PROTOCOL, Prepare, Reply, Request, Target, Workload,
};
use session::Session;
#[cfg(feature = "workloads")]
pub use table::{assert_every_workload, workloads};

/// Deadline for each reply or process; generous because test machines are busy.
const DEADLINE: Duration = Duration::from_secs(300);

/// A workload and its expected result on every target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The workload.
    pub workload: Workload,
    /// The expected exit code.
    pub exit_code: i32,
    /// The expected standard output.
    pub stdout: String,
}

/// Result of one (target, workload, step).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exercised {
    /// The target.
    pub target: TargetId,
    /// The workload.
    pub workload: WorkloadId,
    /// The step; `None` if the pair could not be prepared.
    pub step: Option<Step>,
    /// The result.
    pub went: Went,
}

/// Result of an exercised step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Went {
    /// The output was correct; with the first wall-time sample, if the adapter took one.
    Verified(Option<Nanoseconds>),
    /// The adapter reported that the target does not support this.
    Unsupported(String),
}

/// Protocol violations of an adapter, one per line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Violations(pub Vec<String>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} violations of the protocol", self.0.len())?;
        self.0.iter().try_for_each(|line| write!(f, "\n- {line}"))
    }
}

/// Tests the adapter at `program`, with `cases` on every available target; `scratch` is an empty directory. Returns
/// what was exercised, so that the test can check that nothing is missing.
///
/// # Errors
///
/// All violations found.
pub fn check(program: &Path, cases: &[Case], scratch: &Path) -> Result<Vec<Exercised>, Violations> {
    let mut checking = Checking {
        program,
        scratch,
        violations: Vec::new(),
        exercised: Vec::new(),
        directories: 0,
    };
    checking.all(cases);
    if checking.violations.is_empty() {
        Ok(checking.exercised)
    } else {
        Err(Violations(checking.violations))
    }
}

/// Asserts that `table`, the text of runtimes/targets.toml, lists `targets` in this order.
///
/// # Panics
///
/// With the first target that is missing or out of order.
pub fn assert_in_order<'t>(table: &str, targets: impl IntoIterator<Item = &'t str>) {
    let mut rest = table;
    for target in targets {
        let quoted = format!("\"{target}\"");
        match rest.find(&quoted) {
            Some(at) => rest = &rest[at..],
            None => panic!("{quoted} is not in targets.toml, or not in this order"),
        }
    }
}

/// Asserts that `lock`, the text of a Cargo.lock, contains this package at this version.
///
/// # Panics
///
/// If it does not.
pub fn assert_locked(lock: &str, package: &str, version: &str) {
    let locked = format!("name = \"{package}\"\nversion = \"{version}\"");
    assert!(
        lock.contains(&locked),
        "Cargo.lock has no {package} {version}"
    );
}

struct Checking<'c> {
    program: &'c Path,
    scratch: &'c Path,
    violations: Vec<String>,
    exercised: Vec<Exercised>,
    directories: u32,
}

impl Checking<'_> {
    fn violation(&mut self, what: impl fmt::Display) {
        self.violations.push(what.to_string());
    }

    /// Creates a new directory for a pair.
    fn directory(&mut self) -> PathBuf {
        self.directories += 1;
        let directory = self.scratch.join(self.directories.to_string());
        if let Err(error) = std::fs::create_dir_all(&directory) {
            self.violation(format!("(the check itself) making a directory: {error}"));
        }
        directory
    }

    fn session(&mut self) -> Option<Session> {
        match Session::start(self.program) {
            Ok(session) => Some(session),
            Err(error) => {
                self.violation(format!("starting {}: {error}", self.program.display()));
                None
            }
        }
    }

    /// Sends one request and returns its closing reply; records a violation if there is none.
    fn ask(&mut self, session: &mut Session, what: &str, request: &Request) -> Option<Reply> {
        match session.ask(request) {
            Ok(exchange) => Some(exchange.closing),
            Err(error) => {
                self.violation(format!("{what}: {error}"));
                None
            }
        }
    }

    fn all(&mut self, cases: &[Case]) {
        let Some(mut session) = self.session() else {
            return;
        };
        let Some(hello) = self.hello(&mut session) else {
            return;
        };
        self.garbage(&mut session);
        self.unknown_target(&mut session, cases);
        for target in &hello.targets {
            if target.availability == Availability::Available {
                self.refusals(&mut session, target, cases);
            }
        }
        if let Err(error) = session.end() {
            self.violation(format!("end of input after requests: {error}"));
        }
        if let Some(session) = self.session()
            && let Err(error) = session.end()
        {
            self.violation(format!("end of input before any request: {error}"));
        }
        for target in &hello.targets {
            if target.availability == Availability::Available {
                for case in cases {
                    self.case(target, case);
                }
            }
        }
    }

    fn hello(&mut self, session: &mut Session) -> Option<Hello> {
        let hello = match self.ask(session, "hello", &Request::Hello)? {
            Reply::Hello(hello) => hello,
            other => {
                self.violation(format!("hello was closed by {other:?}"));
                return None;
            }
        };
        if hello.protocol != PROTOCOL {
            self.violation(format!(
                "hello speaks protocol {}, this is {PROTOCOL}",
                hello.protocol
            ));
        }
        for (name, text) in [
            ("adapter", &hello.adapter),
            ("engine", &hello.engine),
            ("engine_version", &hello.engine_version),
        ] {
            if text.trim().is_empty() {
                self.violation(format!("hello leaves {name} empty"));
            }
        }
        if hello.targets.is_empty() {
            self.violation("hello names no target, not even one that cannot run here");
        }
        let mut seen = BTreeSet::new();
        for target in &hello.targets {
            if !seen.insert(&target.id) {
                self.violation(format!("hello names {} twice", target.id));
            }
            if target.steps.is_empty() {
                self.violation(format!("{} claims no step", target.id));
            }
            if target.configuration.is_empty() {
                self.violation(format!("{} says nothing for the ledger", target.id));
            }
        }
        Some(hello)
    }

    fn garbage(&mut self, session: &mut Session) {
        for line in ["rubbish", r#"{"request":"dance"}"#, "[1,2"] {
            match session.ask_line(line) {
                Ok(exchange) if matches!(exchange.closing, Reply::Failed { .. }) => {}
                Ok(exchange) => {
                    self.violation(format!("{line:?} was closed by {:?}", exchange.closing));
                }
                Err(error) => self.violation(format!("after {line:?}: {error}")),
            }
        }
        if let Some(reply) = self.ask(session, "hello after garbage", &Request::Hello)
            && !matches!(reply, Reply::Hello(_))
        {
            self.violation(format!("hello after garbage was closed by {reply:?}"));
        }
    }

    fn unknown_target(&mut self, session: &mut Session, cases: &[Case]) {
        let Some(case) = cases.first() else { return };
        let target = TargetId::from("no-such-engine/at-all");
        let scratch = self.directory();
        let requests = [
            prepare(&target, &case.workload, &scratch),
            measure(&target, &case.workload, &scratch, Step::Process),
        ];
        for request in requests {
            if let Some(reply) = self.ask(session, "an unknown target", &request)
                && !matches!(reply, Reply::Failed { .. })
            {
                self.violation(format!("an unknown target was closed by {reply:?}"));
            }
        }
    }

    /// Tests what a target must refuse: a missing workload, an unclaimed step, and a step that needs an artefact that
    /// was not prepared.
    fn refusals(&mut self, session: &mut Session, target: &Target, cases: &[Case]) {
        let Some(case) = cases.first() else { return };
        let id = &target.id;

        let scratch = self.directory();
        let absent = Workload {
            wasm: scratch.join("absent.wasm"),
            native: Some(scratch.join("absent")),
            component: Some(scratch.join("absent.component")),
            ..case.workload.clone()
        };
        let what = format!("{id}: prepare of a workload that is not there");
        if let Some(reply) = self.ask(session, &what, &prepare(id, &absent, &scratch))
            && !matches!(reply, Reply::Failed { .. })
        {
            self.violation(format!("{what} was closed by {reply:?}"));
        }

        let scratch = self.directory();
        for &step in Step::ALL {
            let request = measure(id, &case.workload, &scratch, step);
            if !target.steps.contains(&step) {
                let what = format!("{id}: {step}, which it does not claim");
                if let Some(reply) = self.ask(session, &what, &request)
                    && !matches!(reply, Reply::Unsupported { .. })
                {
                    self.violation(format!("{what}, was closed by {reply:?}"));
                }
            } else if matches!(step, Step::Instantiate | Step::Load | Step::Instances) {
                let what = format!("{id}: {step} of what was not prepared");
                if let Some(reply) = self.ask(session, &what, &request)
                    && !matches!(reply, Reply::Failed { .. })
                {
                    self.violation(format!("{what} was closed by {reply:?}"));
                }
            }
        }
    }
}

fn prepare(target: &TargetId, workload: &Workload, scratch: &Path) -> Request {
    Request::Prepare(Prepare {
        target: target.clone(),
        workload: workload.clone(),
        scratch: scratch.to_owned(),
        portable: false,
    })
}

/// A measurement of a few iterations, enough to test the limit.
fn measure(target: &TargetId, workload: &Workload, scratch: &Path, step: Step) -> Request {
    Request::Measure(Measure {
        target: target.clone(),
        workload: workload.clone(),
        scratch: scratch.to_owned(),
        step,
        iterations: ITERATIONS,
        budget: Duration::from_millis(100).into(),
        levels: matches!(step, Step::Instances | Step::Processes | Step::Idle).then(|| Levels {
            alive: vec![1, 3],
            memory_budget_bytes: 1 << 30,
            idle_window: Duration::from_millis(1).into(),
        }),
    })
}

/// Iterations requested in every measurement.
const ITERATIONS: u32 = 3;
