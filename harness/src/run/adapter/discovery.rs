//! Finds out which adapters exist and what they offer.

use std::time::Duration;

use plimsoll_adapter::protocol::{Availability, Hello, Target};
use plimsoll_record::TargetId;
use plimsoll_record::run::ProgramRecord;

use super::build::{Built, state};
use super::child::AdapterChild;
use crate::catalog::checkout::Checkout;
use crate::catalog::targets::AdapterRow;
use crate::machine::interrupt::Interrupt;

/// Time limit for an adapter's description.
const HELLO: Duration = Duration::from_secs(20);

/// The state of an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// Its program does not exist.
    NotBuilt,
    /// Its program is not in the bundle that `bench` runs from.
    NotBundled,
    /// Its program does not speak the protocol.
    Broken {
        /// What it did instead.
        why: String,
    },
    /// It described itself.
    Speaks(Hello),
}

/// Whether a target can run here, and if not what would make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ability {
    /// It can.
    Ready(Target),
    /// It cannot.
    Absent {
        /// Why.
        why: String,
        /// The command or action that would change that.
        remedy: Option<String>,
    },
}

/// The state of an adapter without a program.
pub fn missing(checkout: &Checkout) -> Presence {
    match checkout.bundle {
        Some(_) => Presence::NotBundled,
        None => Presence::NotBuilt,
    }
}

/// Requests the description of the adapter of `row`.
pub fn look(checkout: &Checkout, row: &AdapterRow, interrupt: &Interrupt) -> Presence {
    if state(checkout, row) == Built::Missing {
        return missing(checkout);
    }
    let program = row.executable(checkout);
    let mut adapter = match AdapterChild::start(&program, &checkout.root, interrupt) {
        Ok(adapter) => adapter,
        Err(fault) => {
            return Presence::Broken {
                why: fault.to_string(),
            };
        }
    };
    match adapter.hello(HELLO) {
        Ok(hello) => {
            adapter.goodbye();
            Presence::Speaks(hello)
        }
        Err(fault) => {
            let stderr = adapter.stderr();
            let said = match stderr.trim().lines().last() {
                Some(line) => format!(" (it said: {line})"),
                None => String::new(),
            };
            Presence::Broken {
                why: format!("{fault}{said}"),
            }
        }
    }
}

/// Lets the adapter of `row` hash the programs that trials of `target` use. The list is empty if the adapter
/// does not know the request.
pub fn programs(
    checkout: &Checkout,
    row: &AdapterRow,
    target: &TargetId,
    interrupt: &Interrupt,
) -> Result<Vec<ProgramRecord>, String> {
    let program = row.executable(checkout);
    let mut adapter = AdapterChild::start(&program, &checkout.root, interrupt)
        .map_err(|fault| fault.to_string())?;
    let programs = adapter.programs(target, HELLO);
    adapter.goodbye();
    programs.map_err(|fault| fault.to_string())
}

/// Whether `target` of `row` can run here.
pub fn ability(row: &AdapterRow, presence: &Presence, target: &TargetId) -> Ability {
    let absent = |why: String, remedy: Option<String>| Ability::Absent { why, remedy };
    match presence {
        Presence::NotBuilt => {
            let time = match row.build_minutes {
                Some(minutes) => format!(
                    "not set up; building it takes about {}",
                    crate::ui::format::count(minutes as usize, "minute")
                ),
                None => "not set up".to_owned(),
            };
            absent(time, Some(row.setup_command()))
        }
        Presence::NotBundled => {
            let remedy = format!("{} && bench bundle", row.setup_command());
            let why = "not in this bundle; a checkout makes one with it";
            absent(why.to_owned(), Some(remedy))
        }
        Presence::Broken { why } => absent(why.clone(), Some(row.setup_command())),
        Presence::Speaks(hello) => match hello.targets.iter().find(|t| t.id == *target) {
            None => absent(
                format!("{} does not know it", hello.adapter),
                Some(row.setup_command()),
            ),
            Some(found) => match &found.availability {
                Availability::Available => Ability::Ready(found.clone()),
                Availability::Unavailable { reason, remedy } => {
                    absent(reason.clone(), Some(remedy.clone()))
                }
            },
        },
    }
}

/// A note if the engine's version differs from the one in the table.
pub fn unexpected_version(row: &AdapterRow, hello: &Hello) -> Option<String> {
    let expected = row.expected_engine.as_deref()?;
    (!hello.engine_version.starts_with(expected)).then(|| {
        format!(
            "{} is version {}, expected {expected}*; figures of another version are not comparable",
            hello.engine, hello.engine_version
        )
    })
}
