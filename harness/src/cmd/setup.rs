//! `bench setup`: builds adapters and native workloads.

use std::process::Command;

use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::{build_native, set_up};
use crate::catalog::selection;
use crate::catalog::targets::{AdapterRow, Table};
use crate::catalog::workloads::{Native, Workloads};
use crate::cli::Setup;
use crate::exit::Exit;
use crate::machine::interrupt::Interrupt;
use crate::process::command::{self, ToolError};
use crate::run::adapter::discovery::{Ability, ability, look};
use crate::ui::progress::say;
use crate::ui::terminal::{BAD, GOOD, WARN, styled};

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
    let interrupt = Interrupt::install()?;

    let meant = |row: &&AdapterRow| match args.targets.as_slice() {
        [] => args.all || row.default,
        asked => asked.iter().any(|pattern| row.is_meant_by(pattern)),
    };
    let named = !args.targets.is_empty() || args.all;
    let mut failed = false;
    for row in table.adapters.iter().filter(meant) {
        // What takes more than a build, an engine for one, is got only for who asks for it.
        let built = match (&row.setup, named) {
            (Some(words), true) => prepare_machine(&checkout, words, &interrupt),
            _ => Ok(()),
        }
        .and_then(|()| set_up(&checkout, row, &interrupt));
        match built {
            Ok(()) => failed |= !answers(&checkout, row, &interrupt, named),
            Err(ToolError::Interrupted) => return interrupted(),
            Err(error) => {
                say(&format!("{} {}: {error}", styled(BAD, "failed"), row.id));
                failed = true;
            }
        }
    }
    let missing: Vec<&str> = workloads
        .rows
        .iter()
        .filter(|row| workloads.native(&checkout, row) == Native::Missing)
        .map(|row| row.id.as_str())
        .collect();
    if !missing.is_empty() {
        match build_native(&checkout, &missing, &interrupt) {
            Ok(()) => {}
            Err(ToolError::Interrupted) => return interrupted(),
            Err(error) => {
                say(&format!(
                    "{} native binaries: {error}",
                    styled(BAD, "failed")
                ));
                failed = true;
            }
        }
    }
    for row in &workloads.rows {
        if let Err(error) = workloads.ready(&checkout, row) {
            say(&format!("{} {}: {error}", styled(BAD, "failed"), row.id));
            failed = true;
        }
    }
    Ok(match failed {
        true => Exit::Incomplete,
        false => Exit::Held,
    })
}

fn interrupted() -> anyhow::Result<Exit> {
    say("interrupted; the same command goes on from here");
    Ok(Exit::Interrupted)
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

/// Says which targets of `row` are ready now; true unless one that was named is not.
fn answers(checkout: &Checkout, row: &AdapterRow, interrupt: &Interrupt, named: bool) -> bool {
    let presence = look(checkout, row, interrupt);
    let mut all = true;
    for target in &row.targets {
        match ability(row, &presence, target) {
            Ability::Ready(_) => say(&format!("{} {target}", styled(GOOD, "ready"))),
            Ability::Absent { why, remedy } => {
                let remedy = remedy.map_or_else(String::new, |remedy| format!("; `{remedy}`"));
                say(&format!(
                    "{} {target}: {why}{remedy}",
                    styled(WARN, "absent")
                ));
                all = false;
            }
        }
    }
    all || !named
}
