//! Runs the specification's tests on head, to compare them with the recorded passes.

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

/// The parameters of a run of the tests.
#[derive(Debug)]
pub struct Question<'a> {
    /// Globs of groups.
    pub groups: &'a [String],
    /// Seed of the order.
    pub seed: u64,
    /// Time limits: of one directive, and of preparation.
    pub deadlines: (Duration, Duration),
    /// The directory of the run.
    pub directory: &'a Path,
    /// The gate's name.
    pub gate: &'a str,
    /// Noise sources of this machine.
    pub preflight: &'a [PreflightNote],
    /// The command that repeats this gate.
    pub command: &'a [String],
}

/// The results of the tests.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    /// The run of head; `None` if no target of head runs these tests.
    pub head: Option<Recorded>,
    /// The tests planned for all its targets, even if an adapter no longer runs them.
    pub meant: ExpectedGroups,
}

/// Runs the tests on `side`.
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
    // If the tests cannot run, the gate must not pass.
    let mute = gathered.skipped.iter().find(|left| left.requested);
    if let Some(mute) = mute.filter(|_| !interrupt.requested()) {
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
