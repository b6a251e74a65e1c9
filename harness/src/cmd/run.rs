//! `bench run`: plan, prepare, measure, record, show.

mod command;
mod listed;
mod ratcheted;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use plimsoll_record::{Recorded, RunWriter, Suite, WriteError};
use reports::claims::{self, Claims};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::{Building, Gathered};
use crate::catalog::selection;
use crate::catalog::suites::{self, Amount, Extent, SuiteRow};
use crate::catalog::targets::Table;
use crate::catalog::user_program::Program;
use crate::catalog::workloads::Workloads;
use crate::cli::Run;
use crate::exit::{Exit, Usage};
use crate::machine::denoise::{self, Denoised};
use crate::machine::environment;
use crate::machine::interrupt::Interrupt;
use crate::machine::lock::{MachineLock, WhenHeld};
use crate::machine::{preflight, writable};
use crate::process::command::ToolError;
use crate::run::carry_out::carry_out;
use crate::run::job::{Deadlines, Job, Subject};
use crate::run::plan::{Cell, plan};
use crate::run::session::Stopped;
use crate::suites::conformance::groups::Tests;
use crate::suites::sandbox::questions::{Questions, without_native};
use crate::ui::format;
use crate::ui::progress::say;
use crate::ui::terminal::{self, Notes};

use crate::run::cells::{
    chosen_workloads, conformance_cells, density, sandbox_cells, workload_cells,
};
use command::command;
use ratcheted::ratcheted;

/// A valid command line, with what it takes to make a job.
struct Request<'a> {
    args: &'a Run,
    suite: Suite,
    row: SuiteRow,
    extent: Extent,
    own: Option<Program>,
    checkout: Checkout,
    table: Table,
    workloads: Workloads,
}

pub(super) fn run(args: &Run) -> anyhow::Result<Exit> {
    let request = Request::of(args)?;
    if args.list {
        return listed::listed(&request);
    }
    let started = OffsetDateTime::now_utc();
    let id = name(request.suite, started)?;
    if let Some(out) = &args.out {
        free(&std::env::current_dir()?.join(out))?;
    }
    let interrupt = Interrupt::install(denoise::put_files_back)?;
    let _machine = MachineLock::take(&id, when_held(args), &interrupt)?;
    let directory = request.directory(&id)?;
    let id = match (&args.out, directory.file_name()) {
        (None, Some(name)) => name.to_string_lossy().into_owned(),
        _ => id,
    };
    let Some(mut job) = request.job(id, &interrupt)? else {
        // The directory is still empty.
        let _ = fs::remove_dir(&directory);
        return Ok(Exit::Interrupted);
    };
    if job.plan.is_empty() {
        say("nothing is left to measure");
        let _ = fs::remove_dir(&directory);
        return Ok(Exit::Incomplete);
    }
    // Restores the settings when dropped, however the run ends.
    let denoised = args.denoise.then(|| Denoised::set(&request.row.steps));
    if let Some(denoised) = &denoised {
        eprint_part(&terminal::preflight(&denoised.notes, Notes::All));
        job.notes.extend(denoised.notes.iter().cloned());
    }
    let mut record = job.record();
    record.started = started;
    let mut writer = RunWriter::create(&directory, &record)?;
    if args.out.is_none() {
        let results = request.checkout.results();
        super::point_latest(&request.checkout, &directory).with_context(|| {
            let shown = request.checkout.shown(&results);
            format!("cannot point {shown}/latest to the run")
        })?;
    }
    request.announce(&job, &directory);
    let done = carry_out(&job, record, &mut writer, |_| Some(0), &interrupt);
    drop(denoised);
    let exit = finish(done, &directory)?;
    match (&job.subject, exit) {
        (Subject::Specification(tests), Exit::Ok) => {
            ratcheted(&request.checkout, &directory, args, &tests.meant)
        }
        _ => Ok(exit),
    }
}

impl<'a> Request<'a> {
    /// Checks the command line, so that errors appear before a long set-up.
    fn of(args: &'a Run) -> anyhow::Result<Self> {
        // Only the user's own program has a default suite.
        let suite = suite_named(args.suite.as_deref().unwrap_or("coldstart"))?;
        let own = Program::of(args)?;
        let checkout = Checkout::find()?;
        checkout.verify()?;
        let request = Request {
            args,
            suite,
            row: suites::row(suite),
            extent: match args.quick {
                true => Extent::Quick,
                false => Extent::Full,
            },
            own,
            table: Table::read(&checkout)?,
            workloads: Workloads::read(&checkout)?,
            checkout,
        };
        selection::check("target", &args.targets, &request.table.targets())?;
        if !matches!(suite, Suite::Conformance | Suite::Sandbox) {
            selection::check("workload", &args.workloads, &request.workloads.ids())?;
        }
        let only_conformance =
            args.spec_dir.is_some() || args.wasi_testsuite.is_some() || args.record_passes;
        if suite != Suite::Conformance && only_conformance {
            let why =
                "--spec-dir, --wasi-testsuite and --record-passes are for the suite conformance";
            return Err(Usage(why.to_owned()).into());
        }
        if request.own.is_some() && request.amount().load().is_some() {
            let why =
                "--wasm is not for the suite serve: nothing says what its program must answer";
            return Err(Usage(why.to_owned()).into());
        }
        density(request.amount(), args.memory_budget)?;
        Ok(request)
    }

    fn amount(&self) -> &Amount {
        self.row.amount(self.extent)
    }

    fn deadlines(&self) -> Deadlines {
        Deadlines {
            trial: self
                .args
                .requested_deadline()
                .unwrap_or(self.row.deadline()),
            prepare: self.row.prepare_deadline(),
        }
    }

    /// Creates the folder of the run.
    fn directory(&self, id: &str) -> anyhow::Result<PathBuf> {
        let made = |path: &Path| format!("cannot make the run directory {}", path.display());
        if let Some(out) = &self.args.out {
            let directory = std::env::current_dir()?.join(out);
            // Another run may have created it meanwhile.
            free(&directory)?;
            writable::folder(&directory)?;
            fs::create_dir_all(&directory).with_context(|| made(&directory))?;
            return Ok(directory);
        }
        let results = self.checkout.results();
        fs::create_dir_all(&results)
            .with_context(|| format!("{}; name a folder with --out", made(&results)))?;
        // Two runs can start in the same second.
        for number in 1_u32.. {
            let directory = match number {
                1 => results.join(id),
                _ => results.join(format!("{id}-{number}")),
            };
            match fs::create_dir(&directory) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let what = format!("{}; name a folder with --out", made(&directory));
                    return Err(anyhow::Error::new(error).context(what));
                }
                Ok(()) => return Ok(directory),
            }
        }
        unreachable!("some number is free")
    }

    /// Prepares everything to measure; `None` if interrupted. The plan is empty if nothing can be measured.
    fn job(&self, id: String, interrupt: &Interrupt) -> anyhow::Result<Option<Job<'_>>> {
        let mut gathered = Gathered::default();
        let subject = match self.subject(&mut gathered, Building::WhereStale, interrupt) {
            Err(error) if matches!(error.downcast_ref(), Some(ToolError::Interrupted)) => {
                say("interrupted while setting up; nothing was measured");
                return Ok(None);
            }
            subject => subject?,
        };
        let requested = gathered.skipped.iter().filter(|one| one.requested);
        let requested: Vec<_> = requested.cloned().collect();
        eprint_part(&terminal::skipped(&requested));
        let environment = environment::look(&self.checkout);
        let mut notes = preflight::look(&environment);
        notes.append(&mut gathered.notes);
        if self.row.steps.contains(&plimsoll_record::Step::Execute) {
            notes.push(preflight::counting());
        }
        eprint_part(&terminal::preflight(&notes, Notes::Noisy));
        let seed = self.args.seed;
        let seed = seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
        Ok(Some(Job {
            checkout: &self.checkout,
            table: &self.table,
            id,
            suite: self.suite,
            plan: plan(&self.cells(&gathered, &subject), seed),
            subject,
            targets: gathered.targets,
            seed,
            deadlines: self.deadlines(),
            load: self.amount().load(),
            density: density(self.amount(), self.args.memory_budget)?,
            quick: self.args.quick,
            denoised: self.args.denoise,
            command: command(self.args, self.own.as_ref(), seed),
            notes,
            skipped: gathered.skipped,
        }))
    }

    /// The subject of the run; also adds its targets to `gathered`.
    fn subject(
        &self,
        gathered: &mut Gathered,
        building: Building,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Subject> {
        let (checkout, table) = (&self.checkout, &self.table);
        let targets = &self.args.targets;
        gathered.targets(checkout, table, targets, (self.extent, building), interrupt)?;
        match self.suite {
            Suite::Conformance => {
                let mut tests = self.tests()?;
                tests.ask(gathered, checkout, table, interrupt);
                Ok(Subject::Specification(tests))
            }
            Suite::Sandbox => self.questions(gathered, interrupt).map(Subject::Sandbox),
            _ => {
                match &self.own {
                    None => {
                        let globs = &self.args.workloads;
                        let rows = chosen_workloads(globs, self.amount(), &self.workloads);
                        let all = &self.workloads;
                        gathered.workloads(checkout, all, &rows, building, interrupt)?;
                    }
                    Some(own) => {
                        own.leave_out(gathered);
                        let limits = self.deadlines();
                        own.gather(
                            checkout,
                            table,
                            &self.workloads,
                            gathered,
                            limits,
                            interrupt,
                        )?;
                    }
                }
                Ok(Subject::Workloads(std::mem::take(&mut gathered.workloads)))
            }
        }
    }

    fn cells(&self, gathered: &Gathered, subject: &Subject) -> Vec<Cell> {
        match subject {
            Subject::Specification(tests) => conformance_cells(gathered, tests, &self.table),
            Subject::Sandbox(questions) => sandbox_cells(gathered, questions),
            Subject::Workloads(ready) => {
                let (steps, trials) = (&self.row.steps, self.args.trials);
                workload_cells(gathered, ready, steps, self.amount(), trials)
            }
        }
    }

    /// The selected tests.
    fn tests(&self) -> anyhow::Result<Tests> {
        let globs = match self.args.workloads.as_slice() {
            [] => &self.amount().workloads,
            named => named,
        };
        let absolute = |path: &PathBuf| std::path::absolute(path);
        let testsuite = self.args.wasi_testsuite.as_ref();
        let testsuite = testsuite.map(absolute).transpose()?;
        let folder = self.args.spec_dir.as_deref();
        Tests::gather(&self.checkout, folder, testsuite.as_deref(), globs)
    }

    /// The selected questions, with the targets that can run them.
    fn questions(
        &self,
        gathered: &mut Gathered,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Questions> {
        let questions = Questions::gather(&self.checkout, &self.args.workloads, interrupt)?;
        questions.leave_out(gathered);
        let mut all = questions.ready.iter();
        let native =
            all.all(|one| questions.has_program_for(one, plimsoll_record::run::TargetKind::Native));
        for target in std::mem::take(&mut gathered.targets) {
            match native || target.target.kind == plimsoll_record::run::TargetKind::Wasm {
                true => gathered.targets.push(target),
                false => gathered.skipped.push(without_native(&target.target.id)),
            }
        }
        Ok(questions)
    }

    fn announce(&self, job: &Job<'_>, directory: &Path) {
        say(&format!(
            "{}{}: {} of {} on {}, seed {}\nrecorded in {}",
            job.suite,
            if job.quick { " --quick" } else { "" },
            format::count(job.plan.len(), "trial"),
            match &job.subject {
                Subject::Specification(tests) => {
                    format::count(tests.record.groups.len(), "test group")
                }
                Subject::Sandbox(all) => format::count(all.ready.len(), "question"),
                Subject::Workloads(ready) => format::count(ready.len(), "workload"),
            },
            format::count(job.targets.len(), "target"),
            job.seed,
            self.checkout.shown(directory),
        ));
    }
}

/// Shows a completed run, or the command that resumes an incomplete one.
pub(super) fn finish(done: anyhow::Result<()>, directory: &Path) -> anyhow::Result<Exit> {
    let resume = format!("bench run --resume {}", shell_word(directory));
    let Err(error) = done else {
        return show(directory);
    };
    match error.downcast_ref() {
        Some(Stopped::Interrupted) => {
            let recorded = Recorded::read(directory)?;
            say(&format!(
                "interrupted: {} of {} are recorded; continue with `{resume}`",
                recorded.trials.len(),
                format::count(recorded.run.plan.len(), "trial")
            ));
            Ok(Exit::Interrupted)
        }
        Some(Stopped::Write(WriteError::Gone(_))) | None => Err(error),
        Some(_) => Err(error.context(format!(
            "the run stopped early; continue it with `{resume}`"
        ))),
    }
}

fn show(directory: &Path) -> anyhow::Result<Exit> {
    let recorded = Recorded::read(directory)?;
    let analysed = plimsoll_analysis::analyse(&recorded);
    super::print(&terminal::tables(&analysed))?;
    let published = Claims::published();
    let judgements = claims::judge(&published, std::slice::from_ref(&analysed));
    super::print(&terminal::answer(&reports::brief(&analysed), &judgements))?;
    eprint_part(&terminal::damage(&recorded));
    eprint_part(&terminal::skipped(&recorded.run.skipped));
    let named = match Checkout::find()
        .map(|checkout| checkout.results().join("latest").canonicalize())
    {
        Ok(Ok(latest)) if directory.canonicalize().is_ok_and(|run| run == latest) => String::new(),
        _ => format!(" {}", shell_word(directory)),
    };
    say(&format!(
        "Next: `bench report{named} --html` has pictures and intervals, `bench report{named}` the claims."
    ));
    let plan = &recorded.run.plan;
    let is_ok = |trial: &&plimsoll_record::run::TrialPlan| {
        let done = recorded.trials.get(&trial.index);
        done.is_some_and(|done| matches!(done.outcome.outcome, plimsoll_record::Outcome::Ok))
    };
    let bad = plan.len() - plan.iter().filter(is_ok).count();
    if bad > 0 {
        say(&format!(
            "{bad} of {} could not be measured or verified",
            format::count(plan.len(), "trial")
        ));
    }
    let missing = recorded.run.skipped.iter().any(|one| one.requested);
    match bad > 0 || missing {
        true => Ok(Exit::Incomplete),
        false => Ok(Exit::Ok),
    }
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

/// `20261122T081500Z-coldstart`: sorts by time, and is a valid file name everywhere.
fn name(suite: Suite, started: OffsetDateTime) -> anyhow::Result<String> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    Ok(format!("{}-{suite}", started.format(format)?))
}

/// Checks that a new run can be recorded in `directory`.
fn free(directory: &Path) -> Result<(), Usage> {
    RunWriter::check(directory).map_err(|error| Usage(error.to_string()))
}

pub(super) fn when_held(args: &Run) -> WhenHeld {
    match args.wait {
        true => WhenHeld::Wait,
        false => WhenHeld::Refuse,
    }
}

pub(super) fn shell_word(path: &Path) -> String {
    reports::shell::word(&path.to_string_lossy())
}

pub(super) fn eprint_part(text: &str) {
    if !text.is_empty() {
        say(text.trim_end());
    }
}
