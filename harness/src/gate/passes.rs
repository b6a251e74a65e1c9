//! Head asked the specification's tests, to be held to what is recorded as passing.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use plimsoll_analysis::gate::Meant;
use plimsoll_record::run::PreflightNote;
use plimsoll_record::{Recorded, RunWriter, Suite};

use super::side::Side;
use crate::catalog::resolve::Gathered;
use crate::cmd::conformance_cells;
use crate::machine::interrupt::Interrupt;
use crate::run::carry_out::carry_out;
use crate::run::job::{Deadlines, Job, Subject};
use crate::run::plan::plan;
use crate::suites::conformance::groups::Tests;
use crate::ui::progress::say;

/// What is asked.
#[derive(Debug)]
pub struct Asked<'a> {
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

/// What came of asking.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    /// What head did; none if no target of it does these tests.
    pub head: Option<Recorded>,
    /// What every target of it was to be asked, whether its adapter still does these tests or not.
    pub meant: Meant,
}

/// What `side` passes.
///
/// # Errors
/// [`Stopped`]; [`crate::exit::Usage`] if there are no such tests.
pub fn measure(side: &Side, asked: &Asked<'_>, interrupt: &Interrupt) -> anyhow::Result<Answered> {
    let mut tests = Tests::gather(&side.checkout, None, None, asked.groups)?;
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
    // A gate that could not ask must not hold.
    let mute = gathered.skipped.iter().find(|left| left.requested);
    if let Some(mute) = mute.filter(|_| !interrupt.asked()) {
        bail!(
            "head cannot be asked the specification's tests: {}: {}",
            mute.what,
            mute.why
        );
    }
    if cells.is_empty() {
        return Ok(Answered { head: None, meant });
    }
    let job = Job {
        checkout: &side.checkout,
        table: &side.table,
        id: format!("{}-conformance-head", asked.gate),
        suite: Suite::Conformance,
        subject: Subject::Specification(tests),
        targets: gathered.targets,
        plan: plan(&cells, asked.seed),
        seed: asked.seed,
        deadlines: Deadlines {
            trial: asked.deadlines.0,
            prepare: asked.deadlines.1,
        },
        load: None,
        density: None,
        quick: false,
        command: asked.command.to_vec(),
        notes: asked.preflight.to_vec(),
        skipped: gathered.skipped,
    };
    let record = job.record();
    let mut writer = RunWriter::create(asked.directory, &record)?;
    carry_out(&job, record, &mut writer, |_| Some(0), interrupt)?;
    Ok(Answered {
        head: Some(Recorded::read(asked.directory)?),
        meant,
    })
}
