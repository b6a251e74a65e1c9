//! `bench run --resume`: runs the trials of an interrupted run that have no outcome.

use std::path::Path;

use anyhow::Context as _;
use clap::Parser;
use plimsoll_record::run::{PreflightNote, ProgramRecord, Run as RunRecord, Severity};
use plimsoll_record::{Recorded, RunWriter};

use super::run::{eprint_part, finish, when_held};
use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::{Building, Gathered};
use crate::catalog::suites::{self, Extent};
use crate::catalog::targets::Table;
use crate::catalog::user_program::Program;
use crate::catalog::workloads::Workloads;
use crate::cli::{Cli, Command, Run};
use crate::exit::{Exit, Usage};
use crate::machine::denoise::{self, Denoised};
use crate::machine::environment;
use crate::machine::interrupt::Interrupt;
use crate::machine::lock::MachineLock;
use crate::machine::preflight;
use crate::run::carry_out::carry_out;
use crate::run::job::{Deadlines, Job, Subject};
use crate::run::programs::{ADAPTER, Programs};
use crate::suites::conformance::groups::Tests;
use crate::suites::sandbox::questions::Questions;
use crate::ui::progress::say;
use crate::ui::terminal::{self, Notes};

pub(super) fn run(args: &Run, directory: &Path) -> anyhow::Result<Exit> {
    let name = Recorded::read(directory)?.run.id;
    let checkout = Checkout::find()?;
    let table = Table::read(&checkout)?;
    let workloads = Workloads::read(&checkout)?;
    let interrupt = Interrupt::install(denoise::put_files_back)?;
    let _machine = MachineLock::take(&name, when_held(args), &interrupt)?;
    // Read only now, because another process may have resumed this run while it held the machine.
    let recorded = Recorded::read(directory)?;
    let mut record = recorded.run.clone();
    if recorded.is_complete() {
        say(&format!("{} is complete: nothing is left to do", record.id));
    }
    same_adapters(&record, &checkout, &table)?;

    let row = suites::row(record.suite);
    let deadlines = Deadlines {
        trial: args.requested_deadline().unwrap_or(row.deadline()),
        prepare: row.prepare_deadline(),
    };
    let catalog = (&checkout, &table, &workloads);
    let (gathered, subject) = gathered(&recorded, catalog, deadlines, &interrupt)?;
    let notes = continued(&recorded, &checkout);
    eprint_part(&terminal::preflight(&notes, Notes::Noisy));
    record.preflight.extend(notes);

    let denoised = record.is_denoised().then(|| Denoised::set(&row.steps));
    if let Some(denoised) = &denoised {
        eprint_part(&terminal::preflight(&denoised.notes, Notes::All));
    }
    let job = Job {
        checkout: &checkout,
        table: &table,
        id: record.id.clone(),
        suite: record.suite,
        subject,
        targets: gathered.targets,
        plan: record.plan.clone(),
        seed: record.seed,
        deadlines,
        load: record.load.clone(),
        density: record.density.clone(),
        quick: record.quick,
        denoised: record.is_denoised(),
        command: record.command.clone(),
        notes: record.preflight.clone(),
        skipped: record.skipped.clone(),
    };
    let mut writer = RunWriter::open(directory)?;
    let attempt = |index| match recorded.trials.contains_key(&index) {
        true => None,
        false => Some(recorded.attempts.get(&index).map_or(0, |last| last + 1)),
    };
    let done = carry_out(&job, record, &mut writer, attempt, &interrupt);
    drop(denoised);
    finish(done, directory)
}

/// The targets and the subject of a run, which must be unchanged.
fn gathered(
    recorded: &Recorded,
    (checkout, table, workloads): (&Checkout, &Table, &Workloads),
    deadlines: Deadlines,
    interrupt: &Interrupt,
) -> anyhow::Result<(Gathered, Subject)> {
    let record = &recorded.run;
    let mut gathered = Gathered::default();
    let targets: Vec<String> = record
        .targets
        .iter()
        .map(|t| t.target.to_string())
        .collect();
    // A rebuilt program might differ from the recorded one.
    let building = match record.programs.is_empty() {
        true => Building::WhereStale,
        false => Building::Never,
    };
    let how = (Extent::Full, building);
    gathered.targets(checkout, table, &targets, how, interrupt)?;
    let rows: Vec<_> = workloads
        .rows
        .iter()
        .filter(|row| record.workloads.iter().any(|w| w.workload == row.id))
        .collect();
    let tests = tests(checkout, record)?;
    let questions = questions(checkout, record, interrupt)?;
    gathered.workloads(checkout, workloads, &rows, building, interrupt)?;
    if let Some(own) = own(&record.command)? {
        own.gather(
            checkout,
            table,
            workloads,
            &mut gathered,
            deadlines,
            interrupt,
        )?;
    }
    eprint_part(&terminal::skipped(&gathered.skipped));
    if gathered.lacks_something_requested() {
        return Err(Usage(format!(
            "{} cannot be continued without the targets and workloads above; make them available again, or start a new run",
            record.id
        ))
        .into());
    }
    same_things(recorded, &gathered)?;
    let subject = match (tests, questions) {
        (Some(tests), _) => Subject::Specification(tests),
        (None, Some(questions)) => Subject::Sandbox(questions),
        (None, None) => Subject::Workloads(std::mem::take(&mut gathered.workloads)),
    };
    Ok((gathered, subject))
}

/// Checks that the adapters are those that the run started with, before anything is started.
fn same_adapters(record: &RunRecord, checkout: &Checkout, table: &Table) -> anyhow::Result<()> {
    let mut programs = Programs::default();
    for target in &record.targets {
        if let Some(row) = table.adapter_of(&target.target) {
            let path = row.executable(checkout);
            programs
                .add(ADAPTER, &row.id, &path)
                .with_context(|| {
                    format!(
                        "{} cannot be continued: its adapter {} cannot be read; bring it back, or start a \
                         new run",
                        record.id,
                        path.display()
                    )
                })?;
        }
    }
    Ok(programs.same_as(&record.id, &record.programs)?)
}

/// Notes about the resumption, for readers of the run.
fn continued(recorded: &Recorded, checkout: &Checkout) -> Vec<PreflightNote> {
    let record = &recorded.run;
    let environment = environment::look(checkout);
    let mut notes = preflight::look(&environment);
    notes.push(PreflightNote {
        subject: "continued".to_owned(),
        found: format!(
            "{} of {} trials had been recorded before",
            recorded.trials.len(),
            record.plan.len()
        ),
        severity: Severity::Note,
    });
    if (&environment.cpu_model, &environment.kernel)
        != (&record.environment.cpu_model, &record.environment.kernel)
    {
        notes.push(PreflightNote {
            subject: "continued elsewhere".to_owned(),
            found: format!("{} on {}", environment.kernel, environment.cpu_model),
            severity: Severity::Noisy,
        });
    }
    notes
}

/// The run's tests, which must be unchanged.
fn tests(checkout: &Checkout, run: &plimsoll_record::Run) -> anyhow::Result<Option<Tests>> {
    let Some(before) = &run.specification else {
        return Ok(None);
    };
    let ids: Vec<String> = before.groups.iter().map(|one| one.id.to_string()).collect();
    let mut tests = Tests::gather(
        checkout,
        before.directory.as_deref(),
        before.wasi_testsuite.as_deref(),
        &ids,
    )?;
    if tests.record.groups != before.groups {
        let id = &run.id;
        let why = "the specification's tests have changed; start a new run";
        return Err(Usage(format!("{id} cannot be continued: {why}")).into());
    }
    tests.record.clone_from(before);
    Ok(Some(tests))
}

/// The run's questions, which must be unchanged.
fn questions(
    checkout: &Checkout,
    run: &plimsoll_record::Run,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Questions>> {
    let Some(before) = &run.sandbox else {
        return Ok(None);
    };
    let recorded = before.questions.iter();
    let ids: Vec<String> = recorded.map(|one| one.id.to_string()).collect();
    let questions = Questions::gather(checkout, &ids, interrupt)?;
    if questions.record() != *before {
        let id = &run.id;
        let why = "the questions or their programs have changed; start a new run";
        return Err(Usage(format!("{id} cannot be continued: {why}")).into());
    }
    Ok(Some(questions))
}

/// The user's own program in a run's command line.
fn own(command: &[String]) -> Result<Option<Program>, Usage> {
    match Cli::try_parse_from(command).map(|cli| cli.command) {
        Ok(Command::Run(args)) => Program::of(&args),
        _ => Ok(None),
    }
}

/// Checks that the remaining trials measure the same things as the earlier ones.
fn same_things(recorded: &Recorded, gathered: &Gathered) -> Result<(), Usage> {
    let changed = |what: String| {
        Err(Usage(format!(
            "{} cannot be continued: {what}; start a new run",
            recorded.run.id
        )))
    };
    for before in &recorded.run.targets {
        for chosen in &gathered.targets {
            let now = chosen.record();
            if now.target == before.target
                && (&now.engine_version, &now.configuration)
                    != (&before.engine_version, &before.configuration)
            {
                return changed(format!(
                    "{} was {} {}, and now is {} {} or configured otherwise",
                    now.target,
                    before.engine,
                    before.engine_version,
                    now.engine,
                    now.engine_version
                ));
            }
        }
    }
    for before in &recorded.run.targets {
        let mut targets = gathered.targets.iter();
        let now = targets.find(|one| one.target.id == before.target);
        let programs = now.map_or(&[][..], |now| &now.target.programs);
        let other = |one: &&ProgramRecord| !programs.contains(one);
        if let Some(program) = before.programs.iter().find(other) {
            return changed(format!(
                "the {} {} of {} is not the one that it was begun with",
                program.role, program.name, before.target
            ));
        }
    }
    for before in &recorded.run.workloads {
        for ready in &gathered.workloads {
            if ready.record.workload == before.workload && ready.record != *before {
                return changed(format!("workload {} has changed", before.workload));
            }
        }
    }
    Ok(())
}
