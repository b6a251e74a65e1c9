//! `bench setup`: builds adapters and native workloads.

use std::process::Command;

use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::{build_native, set_up};
use crate::catalog::selection;
use crate::catalog::targets::{AdapterRow, Table};
use crate::catalog::workloads::{Native, Workloads};
use crate::cli::Setup;
use crate::exit::Exit;
use crate::machine::denoise;
use crate::machine::interrupt::Interrupt;
use crate::process::command::{self, ToolError};
use crate::run::adapter::discovery::{Ability, Presence, ability, look};
use crate::ui::format::count;
use crate::ui::progress::say;
use crate::ui::terminal::{BAD, GOOD, WARN, styled};

/// The state of an adapter's targets.
#[derive(Debug, Default)]
struct Tally {
    ready: usize,
    skipped: usize,
    failed: usize,
}

/// Exit code of a setup script if this machine cannot have what it installs.
const NOT_HERE: i32 = 3;

pub(super) fn run(args: &Setup) -> anyhow::Result<Exit> {
    let checkout = Checkout::find()?;
    let table = Table::read(&checkout)?;
    let workloads = Workloads::read(&checkout)?;
    let known: Vec<&str> = table
        .adapters
        .iter()
        .map(|adapter| adapter.id.as_str())
        .chain(table.targets())
        .collect();
    selection::check("target", &args.targets, &known)?;
    let interrupt = Interrupt::install(denoise::put_files_back)?;

    let within = |row: &AdapterRow| {
        args.minutes
            .is_none_or(|limit| row.build_minutes.unwrap_or(0) <= limit)
    };
    let chosen = |row: &&AdapterRow| match args.targets.as_slice() {
        [] => (args.all && within(row)) || (!args.all && row.default),
        patterns => patterns.iter().any(|pattern| row.is_meant_by(pattern)),
    };
    let named = !args.targets.is_empty();
    let mut tally = Tally::default();
    let done = set_up_all(
        &checkout,
        table.adapters.iter().filter(chosen),
        named || args.all,
        &interrupt,
        &mut tally,
    )
    .and_then(|()| natives(&checkout, &workloads, args.all, &interrupt, &mut tally));
    if let Err(ToolError::Interrupted) = done {
        say("interrupted; the same command goes on from here");
        return Ok(Exit::Interrupted);
    }
    say(&format!(
        "{} ready, {} skipped, {} failed",
        count(tally.ready, "target"),
        tally.skipped,
        tally.failed
    ));
    // A named target that is skipped is a failure.
    let incomplete = tally.failed > 0 || (named && tally.skipped > 0);
    Ok(match incomplete {
        true => Exit::Incomplete,
        false => Exit::Ok,
    })
}

/// Sets up `rows`. Only an interruption is an error; failures are counted, and the rest continues.
fn set_up_all<'a>(
    checkout: &Checkout,
    rows: impl Iterator<Item = &'a AdapterRow>,
    prepare: bool,
    interrupt: &Interrupt,
    tally: &mut Tally,
) -> Result<(), ToolError> {
    for row in rows {
        // Installing more than the build (such as an engine) happens only on request.
        let prepared = match (&row.setup, prepare) {
            (Some(words), true) => prepare_machine(checkout, words, interrupt),
            _ => Ok(()),
        };
        match prepared.and_then(|()| set_up(checkout, row, interrupt)) {
            Ok(()) => check(checkout, row, interrupt, tally),
            Err(error @ ToolError::Interrupted) => return Err(error),
            Err(ToolError::Failed {
                code: Some(NOT_HERE),
                command,
                ..
            }) if row.setup.is_some() => {
                for target in &row.targets {
                    let why = format!("`{command}` cannot do its work on this machine (see above)");
                    skip(target.as_str(), &why, None, tally);
                }
            }
            Err(error) => fail(&row.id, &error, tally),
        }
    }
    Ok(())
}

/// Builds missing native binaries and checks every workload.
fn natives(
    checkout: &Checkout,
    workloads: &Workloads,
    all: bool,
    interrupt: &Interrupt,
    tally: &mut Tally,
) -> Result<(), ToolError> {
    let missing: Vec<&str> = workloads
        .rows
        .iter()
        .filter(|row| workloads.native(checkout, row) == Native::Missing)
        .map(|row| row.id.as_str())
        .collect();
    if !missing.is_empty() {
        // Compilers for languages other than C and Rust; the build below skips workloads without a compiler.
        if all {
            let script = ["scripts/install-tools", "c++", "go"].map(str::to_owned);
            if let Err(error @ ToolError::Interrupted) =
                prepare_machine(checkout, &script, interrupt)
            {
                return Err(error);
            }
        }
        match build_native(checkout, &missing, interrupt) {
            Ok(()) => {}
            Err(error @ ToolError::Interrupted) => return Err(error),
            Err(error) => fail("native binaries", &error, tally),
        }
    }
    for row in &workloads.rows {
        if let Err(error) = workloads.ready(checkout, row) {
            fail(row.id.as_str(), &error, tally);
        }
    }
    Ok(())
}

fn prepare_machine(
    checkout: &Checkout,
    words: &[String],
    interrupt: &Interrupt,
) -> Result<(), ToolError> {
    let Some((program, args)) = words.split_first() else {
        return Ok(());
    };
    say(&format!("running {}", words.join(" ")));
    let mut command = Command::new(checkout.root.join(program));
    command.current_dir(&checkout.root).args(args);
    command::run(&mut command, interrupt)
}

/// Finds out which targets of `row`, already built, can run here.
fn check(checkout: &Checkout, row: &AdapterRow, interrupt: &Interrupt, tally: &mut Tally) {
    let presence = look(checkout, row, interrupt);
    if let Presence::Broken { why } = &presence {
        return fail(&row.id, why, tally);
    }
    for target in &row.targets {
        match ability(row, &presence, target) {
            Ability::Ready(_) => {
                say(&format!("{} {target}", styled(GOOD, "ready")));
                tally.ready += 1;
            }
            Ability::Absent { why, remedy } => {
                skip(target.as_str(), &why, remedy.as_deref(), tally);
            }
        }
    }
}

fn skip(target: &str, why: &str, remedy: Option<&str>, tally: &mut Tally) {
    let remedy = remedy.map_or_else(String::new, |remedy| format!("; `{remedy}`"));
    say(&format!(
        "{} {target}: {why}{remedy}",
        styled(WARN, "skipped")
    ));
    tally.skipped += 1;
}

fn fail(what: &str, error: &dyn std::fmt::Display, tally: &mut Tally) {
    say(&format!("{} {what}: {error}", styled(BAD, "failed")));
    tally.failed += 1;
}
