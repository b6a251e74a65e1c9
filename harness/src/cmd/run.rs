//! `bench run`: plan, prepare, measure, record, show.

mod ratcheted;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use plimsoll_analysis::gate::Meant;
use plimsoll_record::run::{Run as RunRecord, SCHEMA, TrialPlan};
use plimsoll_record::{Recorded, RunWriter, Step, Suite};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::Gathered;
use crate::catalog::selection;
use crate::catalog::suites::{self, Amount, Extent};
use crate::catalog::targets::Table;
use crate::catalog::user_program::Program;
use crate::catalog::workloads::{Ready, Workloads};
use crate::cli::Run;
use crate::exit::{Exit, Usage};
use crate::machine::denoise::Denoised;
use crate::machine::environment;
use crate::machine::interrupt::Interrupt;
use crate::machine::lock::{MachineLock, WhenHeld};
use crate::machine::preflight;
use crate::process::command::ToolError;
use crate::run::plan::plan;
use crate::run::session::{Session, Stopped};
use crate::suites::conformance::groups::Tests;
use crate::suites::sandbox::questions::{Questions, without_native};
use crate::ui::format;
use crate::ui::progress::say;
use crate::ui::terminal::{self, Notes};

pub(crate) use crate::run::cells::{chosen_workloads, conformance_cells};
use crate::run::cells::{density, sandbox_cells, workload_cells};
use ratcheted::ratcheted;

pub(super) fn run(args: &Run) -> anyhow::Result<Exit> {
    // Only a program of the user's own needs no suite to be named.
    let suite = suite_named(args.suite.as_deref().unwrap_or("coldstart"))?;
    let own = Program::of(args)?;
    let checkout = Checkout::find()?;
    let table = Table::read(&checkout)?;
    let workloads = Workloads::read(&checkout)?;
    selection::check("target", &args.targets, &table.targets())?;
    let row = suites::row(suite);
    let extent = match args.quick {
        true => Extent::Quick,
        false => Extent::Full,
    };
    let amount = row.amount(extent);
    let mut tests = tests(&checkout, suite, args, amount)?;
    if !matches!(suite, Suite::Conformance | Suite::Sandbox) {
        selection::check("workload", &args.workloads, &workloads.ids())?;
    }
    // What is asked wrongly is said before an hour of setting up, not after.
    let density = density(amount, args.memory_budget)?;
    if own.is_some() && amount.load().is_some() {
        let why = "--wasm is not for the suite serve: nothing says what its program must answer";
        return Err(Usage(why.to_owned()).into());
    }

    let started = OffsetDateTime::now_utc();
    let id = name(suite, started)?;
    let directory = directory(&checkout, args, &id)?;
    let interrupt = Interrupt::install()?;
    let _machine = MachineLock::take(&id, when_held(args), &interrupt)?;

    let mut questions = None;
    let mut gathered = Gathered::default();
    let chosen = match suite {
        Suite::Conformance | Suite::Sandbox => Vec::new(),
        _ => chosen_workloads(&args.workloads, amount, &workloads),
    };
    let ready = gathered
        .targets(&checkout, &table, &args.targets, extent, &interrupt)
        .and_then(|()| match &own {
            None => gathered.workloads(&checkout, &workloads, &chosen, &interrupt),
            Some(own) => {
                own.leave_out(&mut gathered);
                let limits = (
                    args.asked_deadline().unwrap_or(row.deadline()),
                    row.prepare_deadline(),
                );
                own.gather(
                    &checkout,
                    &table,
                    &workloads,
                    &mut gathered,
                    limits,
                    &interrupt,
                )
            }
        });
    if let Err(error) = ready {
        if matches!(error.downcast_ref(), Some(ToolError::Interrupted)) {
            say("interrupted while setting up; nothing was measured");
            return Ok(Exit::Interrupted);
        }
        return Err(error);
    }
    let mut meant = Meant::new();
    if let Some(tests) = &mut tests {
        meant = tests.meant(gathered.targets.iter());
        tests.ask(&mut gathered, &checkout, &table, &interrupt);
    }
    if suite == Suite::Sandbox {
        questions = match asked(&checkout, args, &mut gathered, &interrupt)? {
            None => return Ok(Exit::Interrupted),
            some => some,
        };
    }
    eprint_part(&terminal::skipped(&gathered.skipped));
    let nothing = tests.is_none() && questions.is_none() && gathered.workloads.is_empty();
    if gathered.targets.is_empty() || nothing {
        say("nothing is left to measure");
        return Ok(Exit::Incomplete);
    }

    let environment = environment::look(&checkout);
    let mut notes = preflight::look(&environment);
    notes.append(&mut gathered.notes);
    if row.steps.contains(&Step::Execute) {
        notes.push(preflight::counting());
    }
    eprint_part(&terminal::preflight(&notes, Notes::Noisy));
    // Until the run is over, however it ends: dropping it puts everything back.
    let denoised = args.denoise.then(|| Denoised::set(&row.steps));
    if let Some(denoised) = &denoised {
        eprint_part(&terminal::preflight(&denoised.notes, Notes::All));
        notes.extend(denoised.notes.iter().cloned());
    }

    let seed = args
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let cells = match (&tests, &questions) {
        (Some(tests), _) => conformance_cells(&gathered, tests, &table),
        (None, Some(questions)) => sandbox_cells(&gathered, questions),
        (None, None) => workload_cells(&gathered, &row.steps, amount, args.trials),
    };
    let record = RunRecord {
        schema: SCHEMA.to_owned(),
        id: id.clone(),
        suite,
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        started,
        ended: None,
        command: command(args, own.as_ref(), seed),
        seed,
        quick: args.quick,
        environment,
        preflight: notes,
        targets: gathered
            .targets
            .iter()
            .map(|chosen| chosen.record())
            .collect(),
        workloads: gathered
            .workloads
            .iter()
            .map(|ready| ready.record.clone())
            .collect(),
        artefacts: Vec::new(),
        density,
        plan: plan(&cells, seed),
        skipped: gathered.skipped.clone(),
        load: amount.load(),
        specification: tests.as_ref().map(|tests| tests.record.clone()),
        sandbox: questions.as_ref().map(Questions::record),
    };
    let writer = RunWriter::create(&directory, &record)?;
    if args.out.is_none() {
        super::point_latest(&checkout, &directory).with_context(|| {
            format!(
                "cannot point {}/latest to the run",
                checkout.shown(&checkout.results())
            )
        })?;
    }
    say(&format!(
        "{suite}{}: {} of {} on {}, seed {seed}, recorded in {}",
        if args.quick { " --quick" } else { "" },
        format::count(record.plan.len(), "trial"),
        match (&record.specification, &record.sandbox) {
            (Some(tests), _) => format::count(tests.groups.len(), "test group"),
            (_, Some(asked)) => format::count(asked.questions.len(), "question"),
            (None, None) => format::count(record.workloads.len(), "workload"),
        },
        format::count(record.targets.len(), "target"),
        checkout.shown(&directory),
    ));
    let mut session = Session::new(
        &checkout,
        &table,
        by_id(gathered.workloads),
        (
            args.asked_deadline().unwrap_or(row.deadline()),
            row.prepare_deadline(),
        ),
        &interrupt,
        &id,
    )?;
    session.tests = tests;
    session.questions = questions;
    let held = carry_out(record, writer, session, |_| Some(0))?;
    match (suite, held) {
        (Suite::Conformance, Exit::Held) => ratcheted(&checkout, &directory, args, &meant),
        _ => Ok(held),
    }
}

/// The tests that are asked for, if that is the suite.
fn tests(
    checkout: &Checkout,
    suite: Suite,
    args: &Run,
    amount: &Amount,
) -> anyhow::Result<Option<Tests>> {
    if suite != Suite::Conformance {
        if args.spec_dir.is_some() || args.wasi_testsuite.is_some() || args.record_passes {
            let why =
                "--spec-dir, --wasi-testsuite and --record-passes are for the suite conformance";
            return Err(Usage(why.to_owned()).into());
        }
        return Ok(None);
    }
    let globs = match args.workloads.as_slice() {
        [] => &amount.workloads,
        asked => asked,
    };
    let absolute = |path: &PathBuf| std::path::absolute(path);
    let testsuite = args.wasi_testsuite.as_ref().map(absolute).transpose()?;
    Tests::gather(
        checkout,
        args.spec_dir.as_deref(),
        testsuite.as_deref(),
        globs,
    )
    .map(Some)
}

/// The questions that are asked, with the targets that they can be put to; none if interrupted.
fn asked(
    checkout: &Checkout,
    args: &Run,
    gathered: &mut Gathered,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Questions>> {
    let questions = match Questions::gather(checkout, &args.workloads, interrupt) {
        Err(error) if matches!(error.downcast_ref(), Some(ToolError::Interrupted)) => {
            say("interrupted while setting up; nothing was measured");
            return Ok(None);
        }
        questions => questions?,
    };
    questions.leave_out(gathered);
    let can = |kind| {
        questions
            .asked
            .iter()
            .all(|one| questions.can_be_put(one, kind))
    };
    for chosen in std::mem::take(&mut gathered.targets) {
        match can(chosen.target.kind) {
            true => gathered.targets.push(chosen),
            false => gathered.skipped.push(without_native(&chosen.target.id)),
        }
    }
    Ok(Some(questions))
}

/// Does the trials to which `attempt` gives a number, and shows the whole run.
pub(super) fn carry_out(
    mut record: RunRecord,
    mut writer: RunWriter,
    mut session: Session<'_>,
    attempt: impl Fn(u32) -> Option<u32>,
) -> anyhow::Result<Exit> {
    let directory = writer.directory().to_owned();
    session.load.clone_from(&record.load);
    session.kinds = record
        .targets
        .iter()
        .map(|target| (target.target.clone(), target.kind))
        .collect();
    session.density.clone_from(&record.density);
    let trials: Vec<TrialPlan> = record
        .plan
        .iter()
        .filter(|trial| attempt(trial.index).is_some())
        .cloned()
        .collect();
    let measured = session.prepare(&trials).and_then(|made| {
        for artefact in made {
            if !record.artefacts.contains(&artefact) {
                record.artefacts.push(artefact);
            }
        }
        writer.update_run(&record)?;
        let trials: Vec<&TrialPlan> = trials.iter().collect();
        session.measure(&trials, |index| attempt(index).unwrap_or(0), &mut writer)
    });
    drop(session);
    let resume = format!("bench run --resume {}", shell_word(&directory));
    let stopped = match measured {
        Ok(_) => {
            record.ended = Some(OffsetDateTime::now_utc());
            let ended = writer.update_run(&record).and_then(|()| writer.sync());
            ended.err().map(Stopped::Write)
        }
        Err(stopped) => Some(stopped),
    };
    match stopped {
        Some(Stopped::Interrupted) => {
            let done = Recorded::read(&directory)?.trials.len();
            say(&format!(
                "interrupted: {done} of {} are recorded; continue with `{resume}`",
                format::count(record.plan.len(), "trial")
            ));
            return Ok(Exit::Interrupted);
        }
        Some(stopped) => {
            return Err(anyhow::Error::new(stopped).context(format!(
                "the run stopped early; continue it with `{resume}`"
            )));
        }
        None => {}
    }
    show(&directory)
}

fn show(directory: &Path) -> anyhow::Result<Exit> {
    let recorded = Recorded::read(directory)?;
    let report = plimsoll_analysis::analyse(&recorded);
    super::print(&terminal::tables(&recorded, &report))?;
    eprint_part(&terminal::skipped(&recorded.run.skipped));
    say(&format!(
        "`bench report {} --html` has intervals, distributions and the fairness ledger",
        shell_word(directory)
    ));
    let asked_for_is_missing = recorded.run.skipped.iter().any(|one| one.requested);
    if recorded.all_ok() && !asked_for_is_missing {
        return Ok(Exit::Held);
    }
    if !recorded.all_ok() {
        let bad = recorded
            .trials
            .values()
            .filter(|trial| !matches!(trial.outcome.outcome, plimsoll_record::Outcome::Ok))
            .count();
        say(&format!(
            "{} of {} could not be measured or verified",
            bad,
            format::count(recorded.run.plan.len(), "trial")
        ));
    }
    Ok(Exit::Incomplete)
}

/// The suite called `name`.
pub(super) fn suite_named(name: &str) -> Result<Suite, Usage> {
    Suite::ALL
        .iter()
        .copied()
        .find(|suite| suite.name() == name)
        .ok_or_else(|| {
            let known: Vec<&str> = Suite::ALL.iter().map(|suite| suite.name()).collect();
            selection::unknown("suite", name, &known)
        })
}

/// `20261122T081500Z-coldstart`: sorts by time and is a plain file name everywhere.
fn name(suite: Suite, started: OffsetDateTime) -> anyhow::Result<String> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    Ok(format!("{}-{suite}", started.format(format)?))
}

fn directory(checkout: &Checkout, args: &Run, id: &str) -> anyhow::Result<PathBuf> {
    let directory = match &args.out {
        Some(out) => std::env::current_dir()?.join(out),
        None => checkout.results().join(id),
    };
    // Checked before an hour of setting up, not after.
    if directory.join(plimsoll_record::reader::RUN_FILE).exists() {
        return Err(Usage(plimsoll_record::WriteError::Exists(directory).to_string()).into());
    }
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make the run directory {}", directory.display()))?;
    Ok(directory)
}

pub(super) fn when_held(args: &Run) -> WhenHeld {
    match args.wait {
        true => WhenHeld::Wait,
        false => WhenHeld::Refuse,
    }
}

pub(super) fn by_id(ready: Vec<Ready>) -> BTreeMap<plimsoll_record::WorkloadId, Ready> {
    ready
        .into_iter()
        .map(|ready| (ready.workload.id.clone(), ready))
        .collect()
}

/// The command that makes this run again.
fn command(args: &Run, own: Option<&Program>, seed: u64) -> Vec<String> {
    let mut words: Vec<String> = ["bench", "run", "--suite"].map(str::to_owned).into();
    words.push(args.suite.clone().unwrap_or("coldstart".to_owned()));
    let (named, after) = own.map(Program::words).unwrap_or_default();
    words.extend(named);
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([name.to_owned(), value]);
        }
    };
    for target in &args.targets {
        option("--target", Some(target.clone()));
    }
    for workload in &args.workloads {
        option("--workload", Some(workload.clone()));
    }
    let spec_dir = args.spec_dir.as_ref();
    option("--spec-dir", spec_dir.map(|dir| dir.display().to_string()));
    let testsuite = args.wasi_testsuite.as_ref();
    option(
        "--wasi-testsuite",
        testsuite.map(|dir| dir.display().to_string()),
    );
    option("--trials", args.trials.map(|n| n.to_string()));
    option("--memory-budget", args.memory_budget.map(|n| n.to_string()));
    option(
        "--deadline",
        args.asked_deadline()
            .map(|deadline: Duration| deadline.as_secs().to_string()),
    );
    option("--seed", Some(seed.to_string()));
    if args.quick {
        words.push("--quick".to_owned());
    }
    if args.denoise {
        words.push("--denoise".to_owned());
    }
    words.extend(after);
    words
}

pub(super) fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    match text.chars().all(plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

pub(super) fn eprint_part(text: &str) {
    if !text.is_empty() {
        say(text.trim_end());
    }
}
