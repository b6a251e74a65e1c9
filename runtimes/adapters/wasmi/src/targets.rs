//! The measured configuration of wasmi and its fairness ledger.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_adapter::in_process::{
    self, Code, Configuration, GuestName, Held, Process, RUNS_WASM,
};
use plimsoll_adapter::protocol::{Directive, Script};
use plimsoll_adapter::record::{Limit, Proposal, Step};
use plimsoll_adapter::runner;
use plimsoll_adapter::timed::Engine as _;
use plimsoll_adapter::{Error, http, wast};

use crate::engine::Wasmi;
use crate::specification::{CLAIMS, Specification};

/// Version of the wasmi crate; Cargo.toml pins it exactly, and a test compares the two.
pub(crate) const ENGINE_VERSION: &str = "2.0.0";

/// wasmi with its defaults.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target;

/// All targets, in the order of runtimes/targets.toml.
pub(crate) const ALL: &[Target] = &[Target];

impl Configuration for Target {
    type Engine = Wasmi;

    fn id(&self) -> &'static str {
        "wasmi"
    }

    fn steps(&self) -> &[Step] {
        RUNS_WASM
    }

    fn code(&self) -> Code {
        Code::Artefact {
            file: "module.wasm",
            role: "wasm",
        }
    }

    fn process(&self) -> Option<Process> {
        Some(Process {
            program: in_process::beside("wasmi-runner"),
            options: Vec::new(),
            name: GuestName::Argument,
        })
    }

    fn held(&self, limits: &[Limit]) -> Result<Held<Wasmi>, Error> {
        Ok(Held {
            engine: Wasmi::new()?,
            options: runner::limits(limits)?,
        })
    }

    fn engine(&self) -> Result<Wasmi, Error> {
        Wasmi::new()
    }

    fn serialise(&self, engine: &Wasmi, wasm: &[u8], _: &Path) -> Result<Vec<u8>, Error> {
        engine.compile(wasm)?;
        Ok(wasm.to_vec())
    }

    fn ledger(&self) -> BTreeMap<String, String> {
        in_process::ledger([
            (
                "compiler",
                "none: an interpreter. A module is validated when it is read, and each function \
                 translated to wasmi's own code when it is first called (the default)",
            ),
            ("code", "the .wasm, validated at every load"),
            (
                "allocator",
                "a memory of its own for every instance (the default)",
            ),
            (
                "memory protection",
                "bounds checked by the interpreter; no fuel (the defaults)",
            ),
            (
                "wasi",
                "wasmi_wasi, which is wasi-common: preview 1, calls on the guest's thread; the input \
                 folder preopened and writable, because it has no other way; imports linked inside \
                 the clock (wasmi has no prepared linking)",
            ),
            (
                "guest stdout",
                "collected by wasi-common's WritePipe in L0, L2 and run; inherited in the process",
            ),
            (
                "process",
                "a minimal host program on the crate's default features, release profile, dynamically \
                 linked to glibc",
            ),
            (
                "limits",
                "none while it is measured. Suite sandbox, where it names one: memory by a limiter \
                 of the store; time by fuel, which wasmi counts in place of a clock, given in slices \
                 until the time is over, with every function translated beforehand; recursion is bounded \
                 by wasmi's own default. There is no limit of threads and processes, because there are none",
            ),
            ("http", http::LEDGER),
        ])
    }

    fn claims(&self) -> Vec<Proposal> {
        CLAIMS.to_vec()
    }

    fn script(&self, request: &Script, went: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        wast::run(&mut Specification::new(&request.features)?, request, went)
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::conformance;

    use super::*;

    #[test]
    fn the_stated_version_is_the_locked_one() {
        conformance::assert_locked(include_str!("../Cargo.lock"), "wasmi", ENGINE_VERSION);
    }

    #[test]
    fn the_targets_are_those_of_the_table_in_its_order() {
        let table = include_str!("../../../targets.toml");
        conformance::assert_in_order(table, ALL.iter().map(Configuration::id));
    }
}
