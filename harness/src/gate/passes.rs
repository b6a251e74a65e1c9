//! The specification's tests run on head, to be compared with what is recorded as passing.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use plimsoll_analysis::gate::Meant;
use plimsoll_record::run::{PreflightNote, SCHEMA};
use plimsoll_record::{Recorded, Run, RunWriter, Suite};
use time::OffsetDateTime;

use super::side::Side;
use crate::catalog::resolve::Gathered;
use crate::machine::environment;
use crate::machine::interrupt::Interrupt;
use crate::run::cells::conformance_cells;
use crate::run::plan::plan;
use crate::run::session::{Session, Stopped};
use crate::suites::conformance::groups::Tests;
use crate::ui::progress::say;

/// What is question.
#[derive(Debug)]
pub struct Question<'a> {
    /// Globs of groups.
    pub groups: &'a [String],
    /// Seed of the order.
    pub seed: u64,
    /// Time for one directive, and for making things ready.
    pub deadlines: (Duration, Duration),
    /// Where the run is recorded.
    pub directory: &'a Path,
    /// The gate's name.
    pub gate: &'a str,
    /// What makes this machine noisy.
    pub preflight: &'a [PreflightNote],
    /// The command that makes this gate again.
    pub command: &'a [String],
}

/// What came of the tests.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    /// The run of head; none if no target of it runs these tests.
    pub head: Option<Recorded>,
    /// What was planned for every target of it, whether its adapter still runs these tests or not.
    pub meant: Meant,
}

/// What `side` passes.
///
/// # Errors
/// [`Stopped`]; [`crate::exit::Usage`] if there are no such tests.
pub fn measure(
    side: &Side,
    question: &Question<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<Answered> {
    let mut tests = Tests::gather(&side.checkout, None, None, question.groups)?;
    let meant = tests.meant(side.targets.iter());
    let mut gathered = Gathered {
        targets: side.targets.clone(),
        ..Gathered::default()
    };
    tests.ask(&mut gathered, &side.checkout, &side.table, interrupt);
    let cells = conformance_cells(&gathered, &tests, &side.table);
    for left in &gathered.skipped {
        say(&format!("{}: {}", left.what, left.why));
    }
    // A gate that could not run them must not hold.
    let mute = gathered.skipped.iter().find(|left| left.requested);
    if let Some(mute) = mute.filter(|_| !interrupt.asked()) {
        bail!(
            "head cannot run the specification's tests: {}: {}",
            mute.what,
            mute.why
        );
    }
    if cells.is_empty() {
        return Ok(Answered { head: None, meant });
    }
    let mut run = Run {
        schema: SCHEMA.to_owned(),
        id: format!("{}-conformance-head", question.gate),
        suite: Suite::Conformance,
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        started: OffsetDateTime::now_utc(),
        ended: None,
        command: question.command.to_vec(),
        seed: question.seed,
        quick: false,
        environment: environment::look(&side.checkout),
        preflight: question.preflight.to_vec(),
        targets: gathered.targets.iter().map(|one| one.record()).collect(),
        workloads: Vec::new(),
        artefacts: Vec::new(),
        skipped: gathered.skipped.clone(),
        load: None,
        density: None,
        specification: Some(tests.record.clone()),
        sandbox: None,
        plan: plan(&cells, question.seed),
    };
    let scratch = side.checkout.scratch().join(&run.id);
    let mut session = Session::within(
        scratch,
        &side.checkout,
        &side.table,
        Default::default(),
        question.deadlines,
        interrupt,
    )?;
    session.tests = Some(tests);
    let mut writer = RunWriter::create(question.directory, &run)?;
    let trials: Vec<_> = run.plan.iter().collect();
    session
        .measure(&trials, |_| 0, &mut writer)
        .map_err(|stopped: Stopped| anyhow::Error::new(stopped))?;
    run.ended = Some(OffsetDateTime::now_utc());
    writer.update_run(&run)?;
    writer.sync()?;
    Ok(Answered {
        head: Some(Recorded::read(question.directory)?),
        meant,
    })
}
