//! `bench gate`: base and head measured side by side; fails if head is worse.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use plimsoll_analysis::gate::{
    GateReport, Job, Measurement, Overall, Passes, Settings, judge, suspects,
};
use plimsoll_record::{Recorded, Step, Suite, TargetId, WorkloadId};
use time::OffsetDateTime;
use time::macros::format_description;

use super::run::{applies_to, eprint_part, shell_word, suite_named, supports};
use crate::catalog::checkout::Checkout;
use crate::catalog::suites::{self, Amount, SuiteRow};
use crate::catalog::workloads::Ready;
use crate::cli::Gate;
use crate::exit::{Exit, Usage};
use crate::gate::measure::{Arm, Asked, measure};
use crate::gate::side::{Product, Side, introduce};
use crate::gate::{junit, passes, show};
use crate::machine::denoise::Denoised;
use crate::machine::environment;
use crate::machine::interrupt::Interrupt;
use crate::machine::lock::{MachineLock, WhenHeld};
use crate::machine::preflight;
use crate::process::command::ToolError;
use crate::run::plan::Cell;
use crate::run::session::Stopped;
use crate::suites::conformance::ratchet;
use crate::ui::format;
use crate::ui::progress::say;
use crate::ui::terminal::{self, Notes};

/// What is gated unless the command line names suites.
const SUITES: [Suite; 3] = [Suite::Coldstart, Suite::Memory, Suite::Size];

/// Fewest blocks of what is timed: the statistics decide nothing on fewer.
const LEAST_BLOCKS: u32 = plimsoll_analysis::statistics::paired::BLOCKS as u32;

/// One suite as it was measured: base, base again, head; and what was measured again.
struct Measured {
    first: [Recorded; 3],
    second: Option<[Recorded; 3]>,
}

fn measurement(runs: &[Recorded; 3]) -> Measurement<'_> {
    let [base, again, head] = runs;
    Measurement { base, again, head }
}

pub(super) fn run(args: &Gate) -> anyhow::Result<Exit> {
    let pinned = match &args.baseline {
        Some(directory) => Some(Recorded::read(directory)?),
        None => None,
    };
    let settings = Settings {
        threshold: args.threshold,
        detect: args.detect,
        growth: args.growth,
    };
    if let Some(candidate) = &args.candidate {
        let candidate = Recorded::read(candidate)?;
        let pinned = pinned
            .as_ref()
            .filter(|run| run.run.suite == candidate.run.suite);
        if pinned.is_none() {
            let why = "the baseline and the candidate are runs of different suites";
            return Err(Usage(why.to_owned()).into());
        }
        let report = judge(&Job {
            measured: Vec::new(),
            recorded: Some(&candidate),
            passes: None,
            pinned,
            settings,
            base: "the pinned run".to_owned(),
            head: candidate.run.id.clone(),
        });
        return tell(args, &report, None);
    }
    match measured(args, settings, pinned.as_ref()) {
        Err(error) if is_interruption(&error) => {
            say("interrupted; nothing is judged");
            Ok(Exit::Interrupted)
        }
        told => told,
    }
}

fn is_interruption(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Stopped::Interrupted))
        || matches!(error.downcast_ref(), Some(ToolError::Interrupted))
}

fn measured(args: &Gate, settings: Settings, pinned: Option<&Recorded>) -> anyhow::Result<Exit> {
    let here = Checkout::find()?;
    let interrupt = Interrupt::install()?;
    let head_product = match &args.head {
        Some(path) => Product::at(path)?,
        None => Product::Here,
    };
    let suites = suites(args, &head_product, pinned)?;
    let base_product = match (&args.base, &args.base_ref) {
        (Some(path), _) => Product::at(path)?,
        (None, Some(name)) => Product::of_commit(&here, name, &interrupt)?,
        (None, None) => Product::Here,
    };
    let started = OffsetDateTime::now_utc();
    let stamp = format_description!("[year][month][day]T[hour][minute][second]Z");
    let id = format!("{}-gate", started.format(stamp)?);
    let directory = match &args.out {
        Some(out) => std::env::current_dir()?.join(out),
        None => here.results().join(&id),
    };
    if directory.join("gate.json").exists() {
        return Err(Usage(format!(
            "{} holds a gate already; give another --out",
            directory.display()
        ))
        .into());
    }
    let when_held = match args.wait {
        true => WhenHeld::Wait,
        false => WhenHeld::Refuse,
    };
    let _machine = MachineLock::take(&id, when_held, &interrupt)?;
    let _ = fs::remove_dir_all(here.scratch());

    let head = Side::ready(&head_product, &here, &args.targets, &interrupt)?;
    let base = Side::ready(&base_product, &here, &args.targets, &interrupt)?;
    introduce("base", &base);
    introduce("head", &head);
    if let Some(exit) = refusal(&base, &head) {
        return Ok(exit);
    }

    let environment = environment::look(&here);
    let mut notes = preflight::look(&environment);
    eprint_part(&terminal::preflight(&notes, Notes::Noisy));
    let steps: Vec<Step> = suites.iter().flat_map(|row| row.steps.clone()).collect();
    let denoised = args.denoise.then(|| Denoised::set(&steps));
    if let Some(denoised) = &denoised {
        eprint_part(&terminal::preflight(&denoised.notes, Notes::All));
        notes.extend(denoised.notes.iter().cloned());
    }
    let seed = args
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let command: Vec<String> = std::env::args().collect();

    let mut all = Vec::new();
    let mut asked = None;
    let mut nothing_to_do = true;
    for row in &suites {
        let Some(amount) = &row.gate else {
            continue;
        };
        if row.id == Suite::Conformance {
            let groups = match args.workloads.as_slice() {
                [] => &amount.workloads,
                named => named,
            };
            say(&format!(
                "{}: head is measured with {}",
                row.id,
                groups.join(", ")
            ));
            let question = passes::Asked {
                groups,
                seed,
                deadlines: (row.deadline(), row.prepare_deadline()),
                directory: &directory.join(format!("{}-1/head", row.id)),
                gate: &id,
                preflight: &notes,
                command: &command,
            };
            let answered = passes::measure(&head, &question, &interrupt)?;
            let known =
                ratchet::read(&base.checkout).context("cannot read what is recorded as passing")?;
            let was_done = known.passed.keys().any(|(target, script)| {
                let group = script.split_once('/').map_or("", |(group, _)| group);
                answered.meant.contains(&(target.clone(), group.into()))
            });
            match (&answered.head, was_done) {
                (None, false) => say(&format!("{}: no target here does its tests", row.id)),
                (None, true) => {
                    say(&format!(
                        "{}: no target of head does its tests any more",
                        row.id
                    ));
                    nothing_to_do = false;
                }
                (Some(_), _) => nothing_to_do = false,
            }
            asked = Some((answered, known));
            continue;
        }
        let workloads =
            |side: &Side| side.ready_workloads(&here, &args.workloads, amount, &interrupt);
        let (base_workloads, head_workloads) = (workloads(&base)?, workloads(&head)?);
        same_workloads(&base_workloads, &head_workloads)?;
        let cells = cells(&head, &head_workloads, &base, row, amount, args.blocks);
        if cells.is_empty() {
            say(&format!(
                "{}: nothing of it is for these targets and workloads",
                row.id
            ));
            continue;
        }
        nothing_to_do = false;
        let arm = |side, workloads| Arm { side, workloads };
        let arms = [
            arm(&base, base_workloads.as_slice()),
            arm(&base, &base_workloads),
            arm(&head, &head_workloads),
        ];
        let once = |number: u64, cells: &[Cell]| {
            let blocks = cells.iter().map(|cell| cell.trials).max().unwrap_or(0);
            say(&format!(
                "{}: {} of {}, at most {} s, seed {seed}",
                row.id,
                format::count(blocks as usize, "block"),
                format::count(3 * cells.len(), "trial"),
                args.budget
            ));
            let asked = Asked {
                suite: row.id,
                cells,
                seed: seed.wrapping_add(number),
                budget: Duration::from_secs(args.budget),
                deadlines: (row.deadline(), row.prepare_deadline()),
                directory: directory.join(format!("{}-{}", row.id, number + 1)),
                gate: &id,
                preflight: &notes,
                command: &command,
            };
            measure(arms, &here, &asked, &interrupt)
        };
        let first = once(0, &cells)?;
        let doubted = suspects(measurement(&first), pinned, &settings, seed);
        let second = match doubted.is_empty() {
            true => None,
            false => {
                let names: Vec<String> = doubted
                    .iter()
                    .map(|(t, w, s)| format!("{t} {w} {s}"))
                    .collect();
                say(&format!(
                    "measuring again what looks worse: {}",
                    names.join(", ")
                ));
                Some(once(1, &kept(&cells, &doubted))?)
            }
        };
        all.push(Measured { first, second });
    }
    if nothing_to_do {
        return Err(Usage("nothing is left to measure".to_owned()).into());
    }
    drop(denoised);
    let passes = asked.as_ref().map(|(answered, known)| Passes {
        head: answered.head.as_ref(),
        meant: answered.meant.clone(),
        known: known.clone(),
    });
    let report = judge(&Job {
        measured: all
            .iter()
            .map(|one| {
                (
                    measurement(&one.first),
                    one.second.as_ref().map(measurement),
                )
            })
            .collect(),
        recorded: None,
        passes,
        pinned,
        settings,
        base: base.words.clone(),
        head: head.words.clone(),
    });
    tell(args, &report, Some(&directory))
}

/// The suites that are asked for, each of which must be one that can be gated.
fn suites(args: &Gate, head: &Product, pinned: Option<&Recorded>) -> anyhow::Result<Vec<SuiteRow>> {
    // A module of one workload passes no tests of its own, and whoever names workloads means others.
    let whole = args.workloads.is_empty() && !matches!(head, Product::Module(_));
    let named: Vec<Suite> = match args.suites.as_slice() {
        [] if whole => [SUITES.as_slice(), &[Suite::Conformance]].concat(),
        [] => SUITES.to_vec(),
        names => {
            let names = names.iter().map(|name| suite_named(name));
            names.collect::<Result<_, _>>()?
        }
    };
    let rows: Vec<SuiteRow> = named.into_iter().map(suites::row).collect();
    if let Some(row) = rows.iter().find(|row| row.gate.is_none()) {
        return Err(Usage(format!(
            "suite {} cannot be gated; compare two runs of it with `bench compare`",
            row.id
        ))
        .into());
    }
    if let Some(run) = pinned
        && !rows.iter().any(|row| row.id == run.run.suite)
    {
        return Err(Usage(format!(
            "the baseline is a run of suite {0}, which is not selected; add --suite {0}",
            run.run.suite
        ))
        .into());
    }
    Ok(rows)
}

/// What stands against measuring at all: a side that lacks what the other has.
fn refusal(base: &Side, head: &Side) -> Option<Exit> {
    let mut lacking = false;
    for (name, side) in [("base", base), ("head", head)] {
        for one in &side.skipped {
            let remedy = match &one.remedy {
                Some(remedy) => format!("; `{remedy}`"),
                None => String::new(),
            };
            say(&format!(
                "{name} ({}) has no {}: {}{remedy}",
                side.words, one.what, one.why
            ));
            lacking = true;
        }
    }
    let ids = |side: &Side| -> Vec<TargetId> {
        side.targets.iter().map(|c| c.target.id.clone()).collect()
    };
    if !lacking && ids(base) != ids(head) {
        say("base and head do not have the same targets");
        lacking = true;
    }
    lacking.then(|| {
        say("nothing was measured: both sides must be able to run every selected target");
        Exit::Incomplete
    })
}

fn same_workloads(base: &[Ready], head: &[Ready]) -> Result<(), Usage> {
    let ids = |side: &[Ready]| -> Vec<WorkloadId> {
        side.iter().map(|ready| ready.workload.id.clone()).collect()
    };
    match ids(base) == ids(head) {
        true => Ok(()),
        false => Err(Usage(
            "base and head do not have the same workloads; name those that both have with --workload"
                .to_owned(),
        )),
    }
}

/// What both sides can do.
fn cells(
    head: &Side,
    workloads: &[Ready],
    base: &Side,
    row: &SuiteRow,
    amount: &Amount,
    blocks: Option<u32>,
) -> Vec<Cell> {
    let mut cells = Vec::new();
    for chosen in &head.targets {
        let mut others = base.targets.iter();
        let other = others.find(|other| other.target.id == chosen.target.id);
        for ready in workloads {
            for &step in row.steps.iter().filter(|&&step| {
                applies_to(step, ready.duration)
                    && !step.serves()
                    && supports(&chosen.target, step)
                    && other.is_some_and(|other| supports(&other.target, step))
            }) {
                cells.push(Cell {
                    target: chosen.target.id.clone(),
                    workload: ready.workload.id.clone(),
                    step,
                    trials: trials(step, ready, amount, blocks),
                    iterations: amount.iterations,
                    budget: amount.budget(),
                });
            }
        }
    }
    cells
}

/// What is weighed or peaks does not scatter: more blocks would say nothing more of it.
fn trials(step: Step, ready: &Ready, amount: &Amount, blocks: Option<u32>) -> u32 {
    let planned = amount.trials.of(ready.duration, ready.category);
    match (blocks, step) {
        (Some(blocks), Step::Size | Step::Peak) => planned.min(blocks),
        (Some(blocks), _) => blocks,
        (None, Step::Size | Step::Peak) => planned,
        (None, _) => planned.max(LEAST_BLOCKS),
    }
}

fn kept(cells: &[Cell], doubted: &[(TargetId, WorkloadId, Step)]) -> Vec<Cell> {
    let is_doubted = |cell: &&Cell| {
        doubted
            .iter()
            .any(|(t, w, s)| (t, w, *s) == (&cell.target, &cell.workload, cell.step))
    };
    cells.iter().filter(is_doubted).cloned().collect()
}

/// Writes the report wherever it is wanted, and turns it into an exit code.
fn tell(args: &Gate, report: &GateReport, directory: Option<&Path>) -> anyhow::Result<Exit> {
    let json = serde_json::to_string_pretty(report)? + "\n";
    let markdown = show::markdown(report);
    let xml = junit::xml(report);
    let write = |path: PathBuf, text: &str| {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    if let Some(directory) = directory {
        // Where nothing could be measured it is not there yet.
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        write(directory.join("gate.json"), &json)?;
        write(directory.join("gate.md"), &markdown)?;
        write(directory.join("gate.xml"), &xml)?;
    }
    if let Some(path) = &args.junit {
        write(path.clone(), &xml)?;
    }
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let appended = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(markdown.as_bytes()));
        // The verdict stands without its summary.
        if let Err(error) = appended {
            say(&format!(
                "cannot append to the step summary {}: {error}",
                path.display()
            ));
        }
    }
    super::print(&match (args.json, args.markdown) {
        (true, _) => json,
        (_, true) => markdown,
        _ => show::terminal(report),
    })?;
    if let Some(directory) = directory {
        say(&format!(
            "every sample, gate.json, gate.md and gate.xml are in {}",
            shell_word(directory)
        ));
    }
    Ok(match (report.verdict, args.strict) {
        (Overall::Regression, _) => Exit::Regression,
        (Overall::Inconclusive, true) => Exit::Incomplete,
        (Overall::Inconclusive, false) => {
            say("warning: inconclusive rows do not fail a gate without --strict");
            Exit::Held
        }
        (Overall::Held, _) => Exit::Held,
    })
}
