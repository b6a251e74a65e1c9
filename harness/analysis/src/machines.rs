//! Runs of several machines: assigns runs to machines, and machines to types.
//!
//! # Layout
//!
//! - [`across`]: rows by machine, medians over machines, spread

pub mod across;

use std::fmt;

use plimsoll_record::Run;
use plimsoll_record::run::Environment;
use serde::{Deserialize, Serialize};

use crate::alike;

/// A machine, as described by its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Unique within one report.
    pub name: String,
    /// Index of its type in [`Fleet::types`].
    pub machine_type: usize,
    /// Indices of its runs.
    pub runs: Vec<usize>,
}

/// Properties that must be equal for a common median: processor model and number, memory in GiB, and
/// virtualisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineType {
    /// Processor model.
    pub cpu_model: String,
    /// Logical processors.
    pub cpus: u32,
    /// Memory, rounded to GiB.
    pub memory_gib: u64,
    /// Whether the processor reports a hypervisor.
    pub virtualised: bool,
}

impl MachineType {
    fn of(environment: &Environment) -> Self {
        Self {
            cpu_model: environment.cpu_model.trim().to_owned(),
            cpus: environment.cpus,
            memory_gib: (environment.memory_bytes + (1 << 29)) >> 30,
            virtualised: environment.virtualised,
        }
    }
}

impl fmt::Display for MachineType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cpu_model,
            cpus,
            memory_gib,
            ..
        } = self;
        write!(f, "{cpus} × {cpu_model}, {memory_gib} GiB")?;
        match self.virtualised {
            true => f.write_str(", virtual"),
            false => Ok(()),
        }
    }
}

/// The machines of several runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// In the order of their first runs.
    pub machines: Vec<Machine>,
    /// In the order of their first machines.
    pub types: Vec<MachineType>,
    /// Notes on the assignment of runs and on differences within types, one sentence each.
    pub notes: Vec<String>,
}

impl Fleet {
    /// The machines of `runs`.
    pub fn of(runs: &[&Run]) -> Self {
        let mut fleet = Fleet {
            machines: Vec::new(),
            types: Vec::new(),
            notes: Vec::new(),
        };
        for (place, run) in runs.iter().enumerate() {
            let known = fleet.machines.iter_mut();
            let mut known =
                known.filter(|machine| machine.runs.iter().any(|&at| is_same(runs[at], run)));
            match known.next() {
                Some(machine) => machine.runs.push(place),
                None => fleet.add(place, run),
            }
        }
        fleet.notes = notes(&fleet, runs);
        fleet
    }

    fn add(&mut self, place: usize, run: &Run) {
        let of = MachineType::of(&run.environment);
        let known = self.types.iter().position(|known| *known == of);
        let machine_type = known.unwrap_or_else(|| {
            self.types.push(of);
            self.types.len() - 1
        });
        let given = run
            .environment
            .identity
            .as_ref()
            .map(|identity| identity.name.clone());
        let number = self.machines.len() + 1;
        let mut name = given.unwrap_or_else(|| format!("machine {number}"));
        if self.machines.iter().any(|machine| machine.name == name) {
            name = format!("{name} ({number})");
        }
        self.machines.push(Machine {
            name,
            machine_type,
            runs: vec![place],
        });
    }

    /// Whether any row can be compared across machines.
    pub fn is_several(&self) -> bool {
        self.machines.len() > 1
    }

    /// The number of machines of the type with index `place`.
    pub fn count(&self, place: usize) -> usize {
        let of_type = self
            .machines
            .iter()
            .filter(|machine| machine.machine_type == place);
        of_type.count()
    }
}

/// Whether two runs are of one machine. Without an identity on both sides, equal properties count as one
/// machine, because counting one machine twice would understate how much machines differ.
fn is_same(one: &Run, other: &Run) -> bool {
    match (&one.environment.identity, &other.environment.identity) {
        (Some(own), Some(others)) => own.is_same(others),
        _ => alike::machine(&one.environment) == alike::machine(&other.environment),
    }
}

fn notes(fleet: &Fleet, runs: &[&Run]) -> Vec<String> {
    let mut notes = Vec::new();
    for machine in &fleet.machines {
        let of_machine = || machine.runs.iter().map(|&at| runs[at]);
        let mut names: Vec<&str> = Vec::new();
        for identity in of_machine().filter_map(|run| run.environment.identity.as_ref()) {
            if !names.contains(&identity.name.as_str()) {
                names.push(&identity.name);
            }
        }
        if names.len() > 1 {
            notes.push(format!(
                "{} are one machine (one boot of one kernel): they count once, as {}.",
                names.join(", "),
                machine.name
            ));
        }
        let unknown = of_machine()
            .filter(|run| run.environment.identity.is_none())
            .count();
        if unknown > 0 && machine.runs.len() > 1 {
            notes.push(format!(
                "{unknown} of {} runs of {} do not record which machine they were made on; \
                 their hardware and kernel are the same, so they count as one machine.",
                machine.runs.len(),
                machine.name
            ));
        }
    }
    for place in 0..fleet.types.len() {
        notes.extend(differing_conditions(fleet, runs, place));
    }
    notes
}

/// The values of one condition, each with the names of the machines that have it.
type Values<'a> = Vec<(String, Vec<&'a str>)>;

/// Kernel, governor and other settings that differ between machines of one type.
fn differing_conditions(fleet: &Fleet, runs: &[&Run], place: usize) -> Vec<String> {
    let of_type = fleet
        .machines
        .iter()
        .filter(|machine| machine.machine_type == place);
    let facts = |at: usize| {
        let kernel = ("the kernel", runs[at].environment.kernel.clone());
        std::iter::once(kernel).chain(alike::conditions(runs[at]))
    };
    let mut seen: Vec<(&str, Values<'_>)> = Vec::new();
    for machine in of_type {
        for (what, value) in machine.runs.iter().flat_map(|&at| facts(at)) {
            let known = seen.iter().position(|(name, _)| *name == what);
            let at = known.unwrap_or_else(|| {
                seen.push((what, Vec::new()));
                seen.len() - 1
            });
            let values = &mut seen[at].1;
            match values.iter_mut().find(|(known, _)| *known == value) {
                Some((_, machines)) if machines.contains(&machine.name.as_str()) => {}
                Some((_, machines)) => machines.push(&machine.name),
                None => values.push((value, vec![&machine.name])),
            }
        }
    }
    let differing = seen.iter().filter(|(_, values)| values.len() > 1);
    differing
        .map(|(what, values)| {
            let values: Vec<String> = values
                .iter()
                .map(|(value, machines)| format!("{value} on {}", machines.join(", ")))
                .collect();
            let of = &fleet.types[place];
            format!(
                "{what} differs between machines of one type ({of}): {}.",
                values.join("; ")
            )
        })
        .collect()
}
