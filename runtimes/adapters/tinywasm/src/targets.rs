//! The measured configuration of tinywasm and its fairness ledger.

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

use crate::engine::Tinywasm;
use crate::specification::{CLAIMS, Specification};

/// Version of the tinywasm crate; Cargo.toml pins it exactly, and a test compares the two.
pub(crate) const ENGINE_VERSION: &str = "0.10.0";

/// tinywasm with its defaults.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target;

/// All targets, in the order of runtimes/targets.toml.
pub(crate) const ALL: &[Target] = &[Target];

impl Configuration for Target {
    type Engine = Tinywasm;

    fn id(&self) -> &'static str {
        "tinywasm"
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
            program: in_process::beside("tinywasm-runner"),
            options: Vec::new(),
            name: GuestName::Argument,
        })
    }

    fn held(&self, limits: &[Limit]) -> Result<Held<Tinywasm>, Error> {
        // tinywasm cannot limit memory.
        if limits.iter().any(|one| matches!(one, Limit::Memory { .. })) {
            return Err(Error::Unsupported(in_process::unlimited(limits)));
        }
        Ok(Held {
            engine: Tinywasm,
            options: runner::limits(limits)?,
        })
    }

    fn engine(&self) -> Result<Tinywasm, Error> {
        Ok(Tinywasm)
    }

    fn serialise(&self, engine: &Tinywasm, wasm: &[u8], _: &Path) -> Result<Vec<u8>, Error> {
        engine.compile(wasm)?;
        Ok(wasm.to_vec())
    }

    fn ledger(&self) -> BTreeMap<String, String> {
        in_process::ledger([
            (
                "compiler",
                "none: an interpreter. A module is validated when it is read, and all of its functions are \
                 translated to tinywasm's own code, on several threads where there are enough (the default)",
            ),
            (
                "code",
                "the .wasm, validated and translated at every load; tinywasm's serialised form is not used",
            ),
            (
                "allocator",
                "a store, with its stacks, and a memory of its own for every instance (the default)",
            ),
            (
                "memory protection",
                "bounds checked by the interpreter; no fuel (the defaults)",
            ),
            (
                "stacks",
                "1,024 calls and tinywasm's default value stacks: deeper recursion traps",
            ),
            (
                "wasi",
                "the adapter's own: tinywasm has none. Arguments, variables, two clocks, random numbers, \
                 streams, and files to read under the input folder. A module that imports anything else of \
                 preview 1 is unsupported, and so is a workload that writes; imports linked inside the clock",
            ),
            (
                "guest stdout",
                "collected in memory in L0, L2 and run; inherited in the process",
            ),
            (
                "process",
                "a minimal host program on the crate's default features, release profile, dynamically \
                 linked to glibc",
            ),
            (
                "limits",
                "none while it is measured. Suite sandbox: time, by tinywasm's own time budget; there is no limit \
                 of memory. Recursion is bounded by the default stacks. There is no limit of threads and \
                 processes, because there are none",
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
        conformance::assert_locked(include_str!("../Cargo.lock"), "tinywasm", ENGINE_VERSION);
    }

    #[test]
    fn the_targets_are_those_of_the_table_in_its_order() {
        let table = include_str!("../../../targets.toml");
        conformance::assert_in_order(table, ALL.iter().map(Configuration::id));
    }
}
