//! Executes a job: prepares its pairs, runs its trials, and records both.

use plimsoll_record::RunWriter;
use plimsoll_record::run::{Run, TrialPlan};
use time::OffsetDateTime;

use crate::exit::Usage;
use crate::machine::interrupt::Interrupt;
use crate::run::job::Job;
use crate::run::scratch::Scratch;
use crate::run::session::{Session, Stopped};

/// Runs the trials of `job` that have a number in `attempt`, and records them with `writer`. `record` is the
/// current content of `run.json`.
///
/// # Errors
/// [`Stopped`], after which the run can be resumed; [`Usage`] if a program differs from the one that the run
/// started with.
pub fn carry_out(
    job: &Job<'_>,
    mut record: Run,
    writer: &mut RunWriter,
    attempt: impl Fn(u32) -> Option<u32>,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let scratch = scratch(job)?;
    let mut session = Session::new(job, scratch, interrupt)?;
    let trials: Vec<&TrialPlan> = record
        .plan
        .iter()
        .filter(|trial| attempt(trial.index).is_some())
        .collect();
    let made = session.prepare(&trials)?;
    same_programs(&session, &record)?;
    let trials: Vec<TrialPlan> = trials.into_iter().cloned().collect();
    for artefact in made {
        if !record.artefacts.contains(&artefact) {
            record.artefacts.push(artefact);
        }
    }
    for program in session.programs().records() {
        if !record.programs.contains(program) {
            record.programs.push(program.clone());
        }
    }
    writer.update_run(&record).map_err(Stopped::Write)?;
    let trials: Vec<&TrialPlan> = trials.iter().collect();
    session.measure(&trials, |index| attempt(index).unwrap_or(0), writer)?;
    session.same_programs()?;
    record.ended = Some(OffsetDateTime::now_utc());
    writer.update_run(&record).map_err(Stopped::Write)?;
    writer.sync().map_err(Stopped::Write)?;
    Ok(())
}

/// A scratch folder for a job, named after it.
///
/// # Errors
/// [`Stopped::Scratch`].
pub fn scratch(job: &Job<'_>) -> Result<Scratch, Stopped> {
    let all = job.checkout.scratch();
    Scratch::make(&all, &job.id).map_err(|source| Stopped::Scratch { path: all, source })
}

fn same_programs(session: &Session<'_>, record: &Run) -> Result<(), Usage> {
    session.programs().same_as(&record.id, &record.programs)
}
