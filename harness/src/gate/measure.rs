//! One measurement of a gate: three sessions with a shared plan. Each trial of the plan is run by all three
//! in immediate succession, in random order.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plimsoll_record::run::{PreflightNote, Run, TrialPlan};
use plimsoll_record::{Recorded, RunWriter, Suite};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use time::OffsetDateTime;

use super::side::Side;
use crate::catalog::checkout::Checkout;
use crate::catalog::workloads::Ready;
use crate::machine::interrupt::Interrupt;
use crate::run::job::{Deadlines, Job, Subject};
use crate::run::plan::{Cell, plan};
use crate::run::scratch::Scratch;
use crate::run::session::{Session, Stopped, lines};
use crate::ui::progress::Progress;

/// The names of the three runs, in this order.
pub const ARMS: [&str; 3] = ["base", "again", "head"];

/// The parameters of a measurement.
#[derive(Debug)]
pub struct Measuring<'a> {
    /// The suite.
    pub suite: Suite,
    /// The cells, with their numbers of trials.
    pub cells: &'a [Cell],
    /// Seed of the order.
    pub seed: u64,
    /// Time after which no further block starts.
    pub budget: Duration,
    /// Time limits: of a trial, and of preparing a pair.
    pub deadlines: (Duration, Duration),
    /// The directory of the three runs; each gets a subdirectory.
    pub directory: PathBuf,
    /// The gate's name.
    pub gate: &'a str,
    /// Whether noise is reduced.
    pub denoised: bool,
    /// Noise sources of this machine.
    pub preflight: &'a [PreflightNote],
    /// The command that repeats this gate.
    pub command: &'a [String],
}

/// One of the three runs: a side with the workloads of the suite.
#[derive(Debug, Clone, Copy)]
pub struct Arm<'a> {
    /// Base or head.
    pub side: &'a Side,
    /// Its workloads.
    pub workloads: &'a [Ready],
}

/// Measures base, base again and head, and reads the three runs back.
///
/// # Errors
/// [`Stopped`]; what was measured is recorded, without an end.
pub fn measure(
    arms: [Arm<'_>; 3],
    here: &Checkout,
    measuring: &Measuring<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<[Recorded; 3]> {
    let planned = plan(measuring.cells, measuring.seed);
    let jobs: Vec<Job<'_>> = ARMS
        .iter()
        .zip(&arms)
        .map(|(name, arm)| job(name, arm, measuring, &planned))
        .collect();
    let mut runs: Vec<Run> = jobs.iter().map(Job::record).collect();
    let mut sessions: Vec<Session<'_>> = Vec::new();
    let whole = Scratch::make(
        &here.scratch(),
        &format!("{}-{}", measuring.gate, measuring.suite),
    )?;
    for job in &jobs {
        // Equal path lengths, because a longer path shifts addresses in memory.
        let scratch = whole.part(&format!("arm-{}", sessions.len()))?;
        sessions.push(Session::new(job, scratch, interrupt)?);
    }
    let directories: Vec<PathBuf> = ARMS
        .iter()
        .map(|arm| measuring.directory.join(arm))
        .collect();
    let mut writers = Vec::new();
    for ((run, session), directory) in runs.iter_mut().zip(&mut sessions).zip(&directories) {
        run.artefacts = session.prepare(&planned.iter().collect::<Vec<_>>())?;
        run.programs = session.programs().records().to_vec();
        writers.push(RunWriter::create(directory, run)?);
    }

    let mut order = ChaCha8Rng::seed_from_u64(measuring.seed.rotate_left(17));
    let progress = Progress::begin("measuring", 3 * planned.len());
    let begun = Instant::now();
    let mut measured = planned.len();
    for (at, trial) in planned.iter().enumerate() {
        let block_begins = at == 0 || planned[at - 1].block != trial.block;
        if block_begins && at > 0 && begun.elapsed() > measuring.budget {
            measured = at;
            break;
        }
        let mut turns = [0, 1, 2];
        turns.shuffle(&mut order);
        for turn in turns {
            progress.next(|| format!("{} {} {}", trial.target, trial.workload, trial.step));
            let started = begun.elapsed();
            if interrupt.requested() {
                progress.finish();
                return Err(Stopped::Interrupted.into());
            }
            let Ok(yielded) = sessions[turn].one(trial) else {
                progress.finish();
                return Err(Stopped::Interrupted.into());
            };
            let took = begun.elapsed() - started;
            writers[turn].append(&lines(trial, 0, started, took, yielded))?;
        }
    }
    progress.finish();
    for (run, writer) in runs.iter_mut().zip(&writers) {
        // Blocks that did not fit into the budget are removed from the plan, so nothing counts as missing.
        run.plan.truncate(measured);
        run.ended = Some(OffsetDateTime::now_utc());
        writer.update_run(run)?;
        writer.sync()?;
    }
    let read = |directory: &Path| Recorded::read(directory);
    Ok([
        read(&directories[0])?,
        read(&directories[1])?,
        read(&directories[2])?,
    ])
}

fn job<'a>(name: &str, arm: &Arm<'a>, measuring: &Measuring<'_>, planned: &[TrialPlan]) -> Job<'a> {
    Job {
        checkout: &arm.side.checkout,
        table: &arm.side.table,
        id: format!("{}-{}-{name}", measuring.gate, measuring.suite),
        suite: measuring.suite,
        subject: Subject::Workloads(arm.workloads.to_vec()),
        targets: arm.side.targets.clone(),
        plan: planned.to_vec(),
        seed: measuring.seed,
        deadlines: Deadlines {
            trial: measuring.deadlines.0,
            prepare: measuring.deadlines.1,
        },
        load: None,
        density: None,
        quick: false,
        denoised: measuring.denoised,
        command: measuring.command.to_vec(),
        notes: measuring.preflight.to_vec(),
        skipped: Vec::new(),
    }
}
