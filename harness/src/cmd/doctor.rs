//! `bench doctor`: what can run here, what cannot, and the command that would change that.

use std::fmt::Write;

use crate::catalog::checkout::Checkout;
use crate::catalog::targets::Table;
use crate::catalog::workloads::{Native, Workloads};
use crate::cli::Doctor;
use crate::exit::Exit;
use crate::machine::environment;
use crate::machine::interrupt::Interrupt;
use crate::machine::preflight;
use crate::process::command;
use crate::run::adapter::build::{Built, state};
use crate::run::adapter::discovery::{Ability, Presence, ability, look, unexpected_version};
use crate::ui::format;
use crate::ui::terminal::{BAD, BOLD, GOOD, Notes, WARN, preflight as preflight_lines, styled};

pub(super) fn run(args: &Doctor) -> anyhow::Result<Exit> {
    let checkout = Checkout::find()?;
    if args.overhead {
        return super::overhead::run(&checkout);
    }
    let mut text = String::new();
    machine(&mut text, &checkout);
    targets(&mut text, &checkout)?;
    workloads(&mut text, &checkout)?;
    super::print(&text)?;
    Ok(Exit::Ok)
}

fn machine(text: &mut String, checkout: &Checkout) {
    let environment = environment::look(checkout);
    let _ = writeln!(text, "{}", styled(BOLD, "machine"));
    let _ = writeln!(
        text,
        "      {}, {}, {} of {}, {} memory, cgroup {}",
        environment.os,
        environment.kernel,
        format::count(environment.cpus as usize, "processor"),
        environment.cpu_model,
        format::bytes(environment.memory_bytes),
        environment.cgroup,
    );
    text.push_str(&preflight_lines(&preflight::look(&environment), Notes::All));
    let _ = match command::first_line("cargo", &["--version"]) {
        _ if checkout.bundle.is_some() => bundle(text, checkout),
        Some(version) => writeln!(text, "{} {version}", styled(GOOD, "good ")),
        None => writeln!(
            text,
            "{} no cargo: adapters cannot be built; install Rust from https://rustup.rs",
            styled(BAD, "bad  ")
        ),
    };
}

/// The bundle's origin, and whether its files are intact.
fn bundle(text: &mut String, checkout: &Checkout) -> std::fmt::Result {
    let root = checkout.root.display();
    let origin = checkout.bundle.as_ref().map(|bundle| bundle.origin());
    let origin = origin.unwrap_or_default();
    match checkout.verify() {
        Ok(()) => writeln!(text, "{} bundle {root}: {origin}", styled(GOOD, "good ")),
        Err(error) => writeln!(text, "{} {error}", styled(BAD, "bad  ")),
    }
}

fn targets(text: &mut String, checkout: &Checkout) -> anyhow::Result<()> {
    let table = Table::read(checkout)?;
    let interrupt = Interrupt::never()?;
    let width = table.targets().iter().map(|t| t.len()).max().unwrap_or(0);
    let _ = writeln!(text, "{}", styled(BOLD, "targets"));
    for row in &table.adapters {
        let presence = look(checkout, row, &interrupt);
        for target in &row.targets {
            match ability(row, &presence, target) {
                Ability::Ready(_) => {
                    let engine = match &presence {
                        Presence::Speaks(hello) => {
                            format!("{} {}", hello.engine, hello.engine_version)
                        }
                        _ => String::new(),
                    };
                    let _ = writeln!(text, "{} {target:width$}  {engine}", styled(GOOD, "ready "));
                }
                Ability::Absent { why, remedy } => {
                    let _ = writeln!(text, "{} {target:width$}  {why}", styled(WARN, "absent"));
                    if let Some(remedy) = remedy {
                        let _ = writeln!(text, "{:width$}         -> {remedy}", "");
                    }
                }
            }
        }
        if let Presence::Speaks(hello) = &presence
            && let Some(found) = unexpected_version(row, hello)
        {
            let _ = writeln!(text, "{} {found}", styled(WARN, "note  "));
        }
        if state(checkout, row) == Built::Stale {
            let _ = writeln!(
                text,
                "{} {} is older than its sources; the next run builds it again",
                styled(WARN, "note  "),
                row.id
            );
        }
    }
    Ok(())
}

fn workloads(text: &mut String, checkout: &Checkout) -> anyhow::Result<()> {
    let workloads = Workloads::read(checkout)?;
    let width = workloads.ids().iter().map(|id| id.len()).max().unwrap_or(0);
    let _ = writeln!(text, "{}", styled(BOLD, "workloads"));
    for row in &workloads.rows {
        match workloads.ready(checkout, row) {
            Ok(ready) => {
                let native = match workloads.native(checkout, row) {
                    Native::Ready => "native binary ready".to_owned(),
                    Native::NotPlanned => "no native binary".to_owned(),
                    Native::Missing => format!(
                        "no native binary yet -> scripts/build-workloads --native {}",
                        row.id
                    ),
                };
                let _ = writeln!(
                    text,
                    "{} {:width$}  {:>6} of wasm, {native}",
                    styled(GOOD, "ready "),
                    row.id,
                    format::bytes(ready.record.wasm_bytes)
                );
            }
            Err(error) => {
                let _ = writeln!(text, "{} {:width$}  {error}", styled(BAD, "absent"), row.id);
            }
        }
    }
    Ok(())
}
