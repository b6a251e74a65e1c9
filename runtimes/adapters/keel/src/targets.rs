//! The measured configurations of keel and their fairness ledgers.
//!
//! Nothing is measured twice under two names: in-process boundaries (L0, L1, run) are measured on the target that loads
//! artefacts, and compiling (L2) on the one that compiles at every start.

use std::collections::BTreeMap;

use plimsoll_adapter::protocol::{Directive, Script};
use plimsoll_adapter::record::Proposal;
use plimsoll_adapter::wast;
use std::path::{Path, PathBuf};

use plimsoll_adapter::Error;
use plimsoll_adapter::http::LEDGER as HTTP_LEDGER;
use plimsoll_adapter::in_process::{
    self, COMPILES_AT_START, Configuration, GuestName, Held, LOADS, Process,
};
use plimsoll_adapter::record::{Limit, Step};
use plimsoll_adapter::runner;

use crate::engine::Keel;

use crate::specification::{self, specification};

/// The loader's build target; a static program needs an explicit target.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// One target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    id: &'static str,
    steps: &'static [Step],
    code: Code,
    runner: Runner,
}

/// Source of a process's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// An artefact compiled ahead of time.
    Loaded,
    /// The `.wasm`, compiled at every start.
    Compiled,
    /// The `.wasm`, whose code is already in a cache.
    Cached,
}

/// The code cache's folder, beside the programs, where only these adapters write.
fn cache() -> PathBuf {
    in_process::beside("keel-code-cache")
}

/// The program that a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    /// The `keel` command.
    Command,
    /// The static loader.
    Loader,
}

impl Configuration for Target {
    type Engine = Keel;

    fn claims(&self) -> Vec<Proposal> {
        specification::CLAIMS.to_vec()
    }

    fn script(&self, request: &Script, went: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        wast::run(&mut specification(&request.features)?, request, went)
    }

    fn id(&self) -> &'static str {
        self.id
    }

    fn steps(&self) -> &[Step] {
        self.steps
    }

    fn ledger(&self) -> BTreeMap<String, String> {
        ledger(self)
    }

    fn code(&self) -> in_process::Code {
        match self.code {
            Code::Loaded => in_process::Code::Artefact {
                file: "module.keel",
                role: "aot",
            },
            Code::Compiled | Code::Cached => in_process::Code::Wasm,
        }
    }

    fn process(&self) -> Option<Process> {
        let folder;
        let (program, options) = match (self.runner, self.code) {
            // keel runs native code only on explicit request.
            (Runner::Command, Code::Loaded) => {
                (in_process::beside("keel"), vec!["run", "--artifact"])
            }
            (Runner::Command, Code::Compiled) => (in_process::beside("keel"), vec!["run"]),
            (Runner::Command, Code::Cached) => {
                folder = cache().to_string_lossy().into_owned();
                (in_process::beside("keel"), vec!["run", "--cache", &folder])
            }
            (Runner::Loader, _) => (in_process::built_for(TRIPLE, "keel-run"), Vec::new()),
        };
        let options: Vec<String> = options.into_iter().map(str::to_owned).collect();
        Some(Process {
            program,
            options,
            name: GuestName::OfTheFile,
        })
    }

    fn held(&self, limits: &[Limit]) -> Result<Held<Keel>, Error> {
        Ok(Held {
            engine: Keel::new()?,
            options: runner::limits(limits)?,
        })
    }

    fn engine(&self) -> Result<Keel, Error> {
        match self.code {
            Code::Cached => Keel::cached(&cache()),
            Code::Loaded | Code::Compiled => Keel::new(),
        }
    }

    fn is_counted(&self) -> bool {
        self.code == Code::Loaded && self.runner == Runner::Command
    }

    fn portable_engine(&self) -> Result<Keel, Error> {
        Keel::portable()
    }

    fn serialise(&self, engine: &Keel, wasm: &[u8], _: &Path) -> Result<Vec<u8>, Error> {
        if self.code == Code::Cached {
            engine.warm(wasm)?;
        }
        engine.serialise(wasm)
    }
}

/// All targets, in the order of runtimes/targets.toml.
pub(crate) const ALL: &[Target] = &[
    Target {
        id: "keel",
        steps: LOADS,
        code: Code::Loaded,
        runner: Runner::Command,
    },
    Target {
        id: "keel+jit",
        steps: COMPILES_AT_START,
        code: Code::Compiled,
        runner: Runner::Command,
    },
    Target {
        id: "keel+cached",
        steps: COMPILES_AT_START,
        code: Code::Cached,
        runner: Runner::Command,
    },
    Target {
        id: "keel+static",
        steps: &[Step::Process, Step::Deploy],
        code: Code::Loaded,
        runner: Runner::Loader,
    },
];

/// The fairness ledger of one target.
fn ledger(configuration: &Target) -> BTreeMap<String, String> {
    let code = match configuration.code {
        Code::Loaded => {
            "ahead of time: a .keel artefact, mapped; its description is checked at the load, its code \
             piece by piece when it first runs"
        }
        Code::Cached => {
            "the .wasm each time, the code out of keel's cache, where it is before the first trial: found by the \
             SHA-256 of the .wasm, read, and checked as a whole"
        }
        Code::Compiled => "compiled from the .wasm each time, on all cores; no compilation cache",
    };
    let process = match configuration.runner {
        Runner::Command => {
            "the keel command (keel run) with its compiler, release profile, dynamically linked to glibc"
        }
        Runner::Loader => {
            "keel-run, the loader: no compiler in it, statically linked with glibc at a fixed address, \
             fat LTO, one codegen unit, panic=abort, stripped, as the other engines' smallest; it starts without what Rust's runtime does before main, \
             which the other engines' runners here have, and ends without destructors"
        }
    };
    in_process::ledger([
        // Reports use this entry to mark the targets whose engine this project made.
        ("made by", "this project"),
        (
            "compiler",
            "cranelift, optimising for speed (keel's default)",
        ),
        ("code", code),
        (
            "allocator",
            "slots of context, memory and guard, kept by the module for its next instances, and \
             emptied by the engine for its next modules (the default); reset by copying what was \
             dirtied",
        ),
        (
            "memory protection",
            "4 GiB reservation with guard pages, bounds by signal handler, stack limit checked (the \
             defaults); no fuel",
        ),
        (
            "wasi",
            "keel's own preview 1, calls on the guest's thread; a new context for every instance; \
             input folder preopened read-only; imports linked before the clock starts \
             (InstancePre) in L0, after it in L1 and L2",
        ),
        (
            "guest stdout",
            "collected in memory in L0 to L2 and run; inherited in the process",
        ),
        ("process", process),
        (
            "limits",
            "none while it is measured. Suite sandbox, where it names one: keel's --max-memory and \
             --timeout",
        ),
        ("http", HTTP_LEDGER),
    ])
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::conformance;

    use super::*;

    #[test]
    fn the_targets_are_those_of_the_table_in_its_order() {
        let table = include_str!("../../../targets.toml");
        conformance::assert_in_order(table, ALL.iter().map(|target| target.id));
    }
}
