//! `bench list`: what can be asked for.

use std::fmt::Write;

use plimsoll_record::Suite;
use serde_json::json;

use crate::adapter::survey::{Ability, ability, look};
use crate::checkout::Checkout;
use crate::cli::{List, Listed};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::suite;
use crate::table::Table;
use crate::workloads::{Native, Workloads};

pub(super) fn run(args: &List) -> anyhow::Result<Exit> {
    let checkout = Checkout::find()?;
    let (rows, text) = match args.what {
        Listed::Targets => targets(&checkout)?,
        Listed::Workloads => workloads(&checkout)?,
        Listed::Suites => suites(),
    };
    match args.json {
        true => super::print(&(serde_json::to_string_pretty(&rows)? + "\n"))?,
        false => super::print(&text)?,
    }
    Ok(Exit::Held)
}

type Listing = (Vec<serde_json::Value>, String);

fn targets(checkout: &Checkout) -> anyhow::Result<Listing> {
    let table = Table::read(checkout)?;
    let interrupt = Interrupt::never()?;
    let width = table.targets().iter().map(|t| t.len()).max().unwrap_or(0);
    let (mut rows, mut text) = (Vec::new(), String::new());
    for adapter in &table.adapters {
        let presence = look(checkout, adapter, &interrupt);
        for target in &adapter.targets {
            let (status, why, remedy) = match ability(adapter, &presence, target) {
                Ability::Ready(_) => ("ready", None, None),
                Ability::Absent { why, remedy } => ("absent", Some(why), remedy),
            };
            let _ = writeln!(text, "{target:width$}  {status:6}  {}", adapter.title);
            rows.push(json!({
                "id": target, "adapter": adapter.id, "title": adapter.title,
                "default": adapter.default, "status": status, "why": why, "remedy": remedy,
            }));
        }
    }
    Ok((rows, text))
}

fn workloads(checkout: &Checkout) -> anyhow::Result<Listing> {
    let workloads = Workloads::read(checkout)?;
    let width = workloads.ids().iter().map(|id| id.len()).max().unwrap_or(0);
    let (mut rows, mut text) = (Vec::new(), String::new());
    for row in &workloads.rows {
        let _ = writeln!(text, "{:width$}  {:5} {}", row.id, row.language, row.title);
        rows.push(json!({
            "id": row.id, "title": row.title, "why": row.why, "language": row.language,
            "weight": row.weight.name(),
            "native": match workloads.native(checkout, row) {
                Native::Ready => "ready", Native::Missing => "missing", Native::NotPlanned => "none",
            },
            "notes": row.notes,
        }));
    }
    Ok((rows, text))
}

fn suites() -> Listing {
    let (mut rows, mut text) = (Vec::new(), String::new());
    for &suite in Suite::ALL {
        let row = suite::row(suite);
        let _ = writeln!(text, "{suite:12}  {}", row.title);
        rows.push(json!({ "id": suite.name(), "title": row.title, "steps": row.steps }));
    }
    (rows, text)
}
