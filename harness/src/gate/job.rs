//! A whole gate: prepares both sides, measures every suite, and judges.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use plimsoll_analysis::gate::{
    GateReport, Job, Measurement, Passes, RecordedPasses, Settings, judge, suspects,
};
use plimsoll_record::run::PreflightNote;
use plimsoll_record::{Recorded, Step, Suite, TargetId};
use time::OffsetDateTime;
use time::macros::format_description;

use super::measure::{Arm, Measuring, measure};
use super::passes;
use super::request::{Request, Source, cells, kept, same_workloads};
use super::side::{Product, Side, introduce};
use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::Gathered;
use crate::catalog::suites::{Amount, SuiteRow};
use crate::catalog::user_program::{Place, Sides};
use crate::catalog::workloads::Ready;
use crate::exit::Usage;
use crate::machine::denoise::{self, Denoised};
use crate::machine::interrupt::Interrupt;
use crate::machine::lock::{MachineLock, WhenHeld};
use crate::machine::{environment, preflight, writable};
use crate::run::job::Deadlines;
use crate::run::plan::Cell;
use crate::suites::conformance::ratchet;
use crate::ui::format;
use crate::ui::progress::say;
use crate::ui::terminal::{self, Notes};

/// How a gate ended.
#[derive(Debug)]
pub enum Ended {
    /// With a verdict; and the directory with all its data.
    Judged(Box<GateReport>, PathBuf),
    /// Nothing was measured, because a side cannot run what was named.
    Refused,
}

/// One suite's measurement (base, base again, head), and its repetition.
struct Measured {
    first: [Recorded; 3],
    second: Option<[Recorded; 3]>,
}

fn measurement(runs: &[Recorded; 3]) -> Measurement<'_> {
    let [base, again, head] = runs;
    Measurement { base, again, head }
}

/// A gate in progress.
struct Gating<'a> {
    request: &'a Request,
    pinned: Option<&'a Recorded>,
    here: &'a Checkout,
    interrupt: &'a Interrupt,
    base: Side,
    head: Side,
    /// Workloads of both sides, if they are builds of the user's own program.
    own: Option<[Vec<Ready>; 2]>,
    id: String,
    directory: PathBuf,
    seed: u64,
    notes: Vec<PreflightNote>,
    command: Vec<String>,
}

/// Runs the gate that `request` describes.
///
/// # Errors
/// [`Usage`] if the request is invalid; otherwise what stopped the gate.
pub fn carry_out(request: &Request, pinned: Option<&Recorded>) -> anyhow::Result<Ended> {
    let here = Checkout::find()?;
    here.verify()?;
    let interrupt = Interrupt::install(denoise::put_files_back)?;
    let suites = request.suites(pinned)?;
    let (id, directory) = place(request, &here)?;
    let commit;
    let base = match &request.base {
        Source::Product(product) => product,
        Source::Commit(name) => {
            commit = Product::of_commit(&here, name, &interrupt)?;
            &commit
        }
    };
    let when_held = match request.wait {
        true => WhenHeld::Wait,
        false => WhenHeld::Refuse,
    };
    let _machine = MachineLock::take(&id, when_held, &interrupt)?;
    let ready = |product| Side::ready(product, &here, &request.targets, &interrupt);
    let (mut head, mut base) = (ready(&request.head)?, ready(base)?);
    let own = match &request.own {
        Some(sides) => Some(own(sides, [&mut base, &mut head], &suites, &interrupt)?),
        None => None,
    };
    introduce("base", &base);
    introduce("head", &head);
    if lacks_something(&base, &head) {
        return Ok(Ended::Refused);
    }
    let mut notes = preflight::look(&environment::look(&here));
    say_all(&terminal::preflight(&notes, Notes::Noisy));
    let steps: Vec<Step> = suites.iter().flat_map(|row| row.steps.clone()).collect();
    let denoised = request.denoise.then(|| Denoised::set(&steps));
    if let Some(denoised) = &denoised {
        say_all(&terminal::preflight(&denoised.notes, Notes::All));
        notes.extend(denoised.notes.iter().cloned());
    }
    let drawn = || u64::from(rand::random::<u32>());
    let gating = Gating {
        request,
        pinned,
        here: &here,
        interrupt: &interrupt,
        base,
        head,
        own,
        id,
        directory,
        seed: request.seed.unwrap_or_else(drawn),
        notes,
        command: std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
    };
    let report = gating.report(&suites)?;
    Ok(Ended::Judged(Box::new(report), gating.directory))
}

/// Workloads of the user's own program, one per side.
fn own(
    sides: &Sides,
    [base, head]: [&mut Side; 2],
    suites: &[SuiteRow],
    interrupt: &Interrupt,
) -> anyhow::Result<[Vec<Ready>; 2]> {
    let longest = |of: fn(&SuiteRow) -> Duration| suites.iter().map(of).max().unwrap_or_default();
    let deadlines = Deadlines {
        trial: longest(SuiteRow::deadline),
        prepare: longest(SuiteRow::prepare_deadline),
    };
    let mut gathered = [&mut *base, &mut *head].map(|side| Gathered {
        targets: std::mem::take(&mut side.targets),
        ..Gathered::default()
    });
    fn place(side: &Side) -> Place<'_> {
        Place {
            checkout: &side.checkout,
            table: &side.table,
            workloads: &side.workloads,
        }
    }
    let [of_base, of_head] = &mut gathered;
    let places = [place(base), place(head)];
    sides.ready(places, [of_base, of_head], deadlines, interrupt)?;
    for one in &gathered[0].skipped {
        say(&format!("not measured: {}: {}", one.what, one.why));
    }
    let [of_base, of_head] = gathered;
    (base.targets, head.targets) = (of_base.targets, of_head.targets);
    if let Some([old, new]) = sides.images() {
        base.words = format!("the image {old}");
        head.words = format!("the image {new}");
    }
    match base.targets.is_empty() {
        true => Err(Usage(
            "no target that is named can run this program as it is given; add --base-native and --head-native, or \
             --base-image and --head-image, or name other targets"
                .to_owned(),
        )
        .into()),
        false => Ok([of_base.workloads, of_head.workloads]),
    }
}

fn say_all(text: &str) {
    if !text.is_empty() {
        say(text.trim_end());
    }
}

/// The gate's name and its directory, which must not contain a gate.
fn place(request: &Request, here: &Checkout) -> anyhow::Result<(String, PathBuf)> {
    let stamp = format_description!("[year][month][day]T[hour][minute][second]Z");
    let id = format!("{}-gate", OffsetDateTime::now_utc().format(stamp)?);
    let directory = match &request.out {
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
    writable::folder(&directory)?;
    Ok((id, directory))
}

/// Whether a side lacks a named target; prints each one.
fn lacks_something(base: &Side, head: &Side) -> bool {
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
    if lacking {
        say("nothing was measured: both sides must be able to run every target that is named");
    }
    lacking
}

impl Gating<'_> {
    /// Measures every suite and judges the results.
    fn report(&self, suites: &[SuiteRow]) -> anyhow::Result<GateReport> {
        let mut all = Vec::new();
        let mut tests = None;
        let mut nothing_to_do = true;
        for row in suites {
            let Some(amount) = &row.gate else {
                continue;
            };
            if row.id == Suite::Conformance {
                let (answered, known) = self.tests(row, amount)?;
                nothing_to_do &= answered.head.is_none() && !was_done(&answered, &known);
                tests = Some((answered, known));
            } else if let Some(measured) = self.suite(row, amount)? {
                nothing_to_do = false;
                all.push(measured);
            }
        }
        if nothing_to_do {
            return Err(Usage("nothing is left to measure".to_owned()).into());
        }
        Ok(judge(&Job {
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
            passes: tests.as_ref().map(|(answered, known)| Passes {
                head: answered.head.as_ref(),
                meant: answered.meant.clone(),
                known: known.clone(),
            }),
            pinned: self.pinned,
            targets: &self.request.targets,
            settings: self.request.settings,
            base: self.base.words.clone(),
            head: self.head.words.clone(),
        }))
    }

    /// Runs the specification's tests on head, and reads the passes recorded in base.
    fn tests(
        &self,
        row: &SuiteRow,
        amount: &Amount,
    ) -> anyhow::Result<(passes::Answered, RecordedPasses)> {
        let groups = match self.request.workloads.as_slice() {
            [] => &amount.workloads,
            named => named,
        };
        say(&format!("{}: head runs {}", row.id, groups.join(", ")));
        let question = passes::Question {
            groups,
            seed: self.seed,
            deadlines: (row.deadline(), row.prepare_deadline()),
            directory: &self.directory.join(format!("{}-1/head", row.id)),
            gate: &self.id,
            preflight: &self.notes,
            command: &self.command,
        };
        let answered = passes::measure(&self.head, &question, self.interrupt)?;
        let known =
            ratchet::read(&self.base.checkout).context("cannot read the recorded passes")?;
        match (&answered.head, was_done(&answered, &known)) {
            (None, false) => say(&format!("{}: no target here runs its tests", row.id)),
            (None, true) => say(&format!(
                "{}: no target of head runs its tests any more",
                row.id
            )),
            (Some(_), _) => {}
        }
        Ok((answered, known))
    }

    /// Measures one suite, and repeats what looks worse. `None` if these targets and workloads have no part
    /// in it.
    fn suite(&self, row: &SuiteRow, amount: &Amount) -> anyhow::Result<Option<Measured>> {
        let request = self.request;
        let workloads = |side: &Side| {
            side.ready_workloads(self.here, &request.workloads, amount, self.interrupt)
        };
        let (base, head) = match &self.own {
            Some([base, head]) => (base.clone(), head.clone()),
            None => (workloads(&self.base)?, workloads(&self.head)?),
        };
        same_workloads(&base, &head)?;
        let cells = cells([&self.base, &self.head], &head, row, amount, request.blocks);
        if cells.is_empty() {
            say(&format!(
                "{}: has no rows of these targets and workloads",
                row.id
            ));
            return Ok(None);
        }
        let arm = |side, workloads| Arm { side, workloads };
        let arms = [
            arm(&self.base, base.as_slice()),
            arm(&self.base, &base),
            arm(&self.head, &head),
        ];
        let first = self.once(0, row, arms, &cells)?;
        let doubted = suspects(
            measurement(&first),
            self.pinned,
            &request.settings,
            self.seed,
        );
        if doubted.is_empty() {
            let second = None;
            return Ok(Some(Measured { first, second }));
        }
        let names = doubted.iter().map(|(t, w, s)| format!("{t} {w} {s}"));
        say(&format!(
            "measuring again what looks worse: {}",
            names.collect::<Vec<_>>().join(", ")
        ));
        let second = Some(self.once(1, row, arms, &kept(&cells, &doubted))?);
        Ok(Some(Measured { first, second }))
    }

    fn once(
        &self,
        number: u64,
        row: &SuiteRow,
        arms: [Arm<'_>; 3],
        cells: &[Cell],
    ) -> anyhow::Result<[Recorded; 3]> {
        let blocks = cells.iter().map(|cell| cell.trials).max().unwrap_or(0);
        let budget: Duration = self.request.budget;
        say(&format!(
            "{}: {} of {}, at most {} s, seed {}",
            row.id,
            format::count(blocks as usize, "block"),
            format::count(3 * cells.len(), "trial"),
            budget.as_secs(),
            self.seed
        ));
        let measuring = Measuring {
            suite: row.id,
            cells,
            seed: self.seed.wrapping_add(number),
            budget,
            deadlines: (row.deadline(), row.prepare_deadline()),
            directory: self.directory.join(format!("{}-{}", row.id, number + 1)),
            gate: &self.id,
            denoised: self.request.denoise,
            preflight: &self.notes,
            command: &self.command,
        };
        measure(arms, self.here, &measuring, self.interrupt)
    }
}

/// Whether any of the planned tests is recorded as passing.
fn was_done(answered: &passes::Answered, known: &RecordedPasses) -> bool {
    known.passed.keys().any(|(target, script)| {
        let group = script.split_once('/').map_or("", |(group, _)| group);
        answered.meant.contains(&(target.clone(), group.into()))
    })
}

/// Judges a recorded head against a recorded base; nothing is measured.
///
/// # Errors
/// [`Usage`] if they are runs of different suites.
pub fn recorded(
    pinned: &Recorded,
    candidate: &Recorded,
    settings: Settings,
) -> Result<GateReport, Usage> {
    if pinned.run.suite != candidate.run.suite {
        return Err(Usage(format!(
            "the baseline is a run of suite {}, the candidate of suite {}; give runs of one suite",
            pinned.run.suite, candidate.run.suite
        )));
    }
    Ok(judge(&Job {
        measured: Vec::new(),
        recorded: Some(candidate),
        passes: None,
        pinned: Some(pinned),
        targets: &[],
        settings,
        base: format!("the pinned run {}", pinned.run.id),
        head: candidate.run.id.clone(),
    }))
}
