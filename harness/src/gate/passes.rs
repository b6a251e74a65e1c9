//! The specification's tests run on head, to be compared with what is recorded as passing.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use plimsoll_analysis::gate::ExpectedGroups;
use plimsoll_record::run::PreflightNote;
use plimsoll_record::{Recorded, RunWriter, Suite};

use super::side::Side;
use crate::catalog::resolve::Gathered;
use crate::machine::interrupt::Interrupt;
use crate::run::carry_out::carry_out;
use crate::run::cells::conformance_cells;
use crate::run::job::{Deadlines, Job, Subject};
use crate::run::plan::plan;
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
    pub meant: ExpectedGroups,
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
    let job = Job {
        checkout: &side.checkout,
        table: &side.table,
        id: format!("{}-conformance-head", question.gate),
        suite: Suite::Conformance,
        subject: Subject::Specification(tests),
        targets: gathered.targets,
        plan: plan(&cells, question.seed),
        seed: question.seed,
        deadlines: Deadlines {
            trial: question.deadlines.0,
            prepare: question.deadlines.1,
        },
        load: None,
        density: None,
        quick: false,
        denoised: false,
        command: question.command.to_vec(),
        notes: question.preflight.to_vec(),
        skipped: gathered.skipped,
    };
    let record = job.record();
    let mut writer = RunWriter::create(question.directory, &record)?;
    carry_out(&job, record, &mut writer, |_| Some(0), interrupt)?;
    Ok(Answered {
        head: Some(Recorded::read(question.directory)?),
        meant,
    })
}
