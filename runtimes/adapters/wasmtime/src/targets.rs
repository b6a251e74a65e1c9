//! The measured configurations of Wasmtime and their fairness ledgers.
//!
//! Nothing is measured twice under two names: in-process boundaries (L0, L1, run) are measured on the targets that load
//! artefacts, compiling (L2) on the `+jit` targets, and starting a process on every target that has its own.

use std::collections::BTreeMap;

use plimsoll_adapter::protocol::{Directive, Script};
use plimsoll_adapter::record::Proposal;
use plimsoll_adapter::wast;
use std::path::Path;

use plimsoll_adapter::in_process::{
    self, COMPILES_AT_START, Code, Configuration, GuestName, Held, LOADS,
};
use plimsoll_adapter::record::{Limit, Step};
use plimsoll_adapter::runner;
use plimsoll_adapter::{Error, http};
use wasmtime_runner::{
    Compiler, Interruption, MEMORY_KEEP_RESIDENT_BYTES, Setup, TABLE_KEEP_RESIDENT_BYTES,
};

use crate::engine::Wasmtime;

use crate::specification::{self, Specification};

/// Version of the wasmtime crate; Cargo.toml pins it exactly, and a test compares the two.
pub(crate) const ENGINE_VERSION: &str = "48.0.8";

/// One target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    id: &'static str,
    pub(crate) compiler: Compiler,
    pub(crate) setup: Setup,
    steps: &'static [Step],
    process: Process,
    pub(crate) cache: Cache,
}

/// Whether compilation uses Wasmtime's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    Off,
    On,
}

/// How the target starts as a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    /// Nothing: its configuration is one of a host that already runs.
    None,
    /// The runner loads an artefact.
    Loads(Runner),
    /// The runner compiles the `.wasm`.
    Compiles(Runner),
}

/// A build of the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    /// Default features of the crate and Winch, dynamically linked.
    Default,
    /// No optional features, statically linked, with whole-program optimisation.
    Smallest,
}

impl Target {
    /// Whether it runs artefacts that `prepare` writes.
    fn loads(&self) -> bool {
        !matches!(self.process, Process::Compiles(_)) && self.cache == Cache::Off
    }
}

impl Configuration for Target {
    type Engine = Wasmtime;

    fn claims(&self) -> Vec<Proposal> {
        specification::claims(self.compiler)
    }

    fn script(&self, request: &Script, went: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        let mut engine = Specification::new(self.compiler, self.setup, &request.features)?;
        wast::run(&mut engine, request, went)
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

    fn code(&self) -> Code {
        match self.loads() {
            true => Code::Artefact {
                file: "module.cwasm",
                role: "aot",
            },
            false => Code::Wasm,
        }
    }

    fn process(&self) -> Option<in_process::Process> {
        let (runner, compiles) = match self.process {
            Process::None => return None,
            Process::Loads(runner) => (runner, false),
            Process::Compiles(runner) => (runner, true),
        };
        let options = [
            (compiles, "--compile"),
            (self.compiler == Compiler::Winch, "--winch"),
            (self.compiler == Compiler::Pulley, "--pulley"),
        ];
        Some(in_process::Process {
            program: match runner {
                Runner::Default => in_process::beside("wasmtime-runner"),
                Runner::Smallest => in_process::built_for(env!("TARGET_TRIPLE"), "wasmtime-runner"),
            },
            options: options
                .into_iter()
                .filter(|(given, _)| *given)
                .map(|(_, option)| option.to_owned())
                .collect(),
            name: GuestName::Argument,
        })
    }

    fn held(&self, limits: &[Limit]) -> Result<Held<Wasmtime>, Error> {
        let timed = limits
            .iter()
            .any(|limit| matches!(limit, Limit::Time { .. }));
        let interruption = match timed {
            true => Interruption::Epochs,
            false => Interruption::None,
        };
        let options = runner::limits(limits)?;
        Ok(Held {
            engine: Wasmtime::interrupted(self, interruption)?,
            options,
        })
    }

    fn engine(&self) -> Result<Wasmtime, Error> {
        Wasmtime::interrupted(self, Interruption::None)
    }

    fn is_counted(&self) -> bool {
        self.id == "wasmtime/cranelift"
    }

    fn portable_engine(&self) -> Result<Wasmtime, Error> {
        Wasmtime::portable(self)
    }

    fn serialise(&self, engine: &Wasmtime, wasm: &[u8], _: &Path) -> Result<Vec<u8>, Error> {
        if self.cache == Cache::On {
            engine.warm(wasm)?;
        }
        engine.serialise(wasm)
    }
}

/// Steps that depend on the allocator.
const IN_PROCESS: &[Step] = &[
    Step::Instantiate,
    Step::Load,
    Step::FirstOutputWarm,
    Step::FirstOutputArtefact,
    Step::Instances,
    Step::ServeFresh,
];
// The code is the same as the default's, but its memory may already be resident.
const IN_PROCESS_AND_RUN: &[Step] = &[
    Step::Instantiate,
    Step::Load,
    Step::FirstOutputWarm,
    Step::FirstOutputArtefact,
    Step::Instances,
    Step::Execute,
    Step::ServeFresh,
];
/// Steps of bytecode; otherwise like those of the optimising compiler.
const INTERPRETED: &[Step] = &[
    Step::Instantiate,
    Step::Load,
    Step::FirstOutputWarm,
    Step::FirstOutputArtefact,
    Step::Process,
    Step::Deploy,
    Step::Execute,
    Step::Conformance,
];
const PROCESS_ONLY: &[Step] = &[Step::Process, Step::Deploy];

/// All targets, in the order of runtimes/targets.toml.
pub(crate) const ALL: &[Target] = &[
    Target {
        id: "wasmtime/cranelift",
        compiler: Compiler::Cranelift,
        setup: Setup::Default,
        steps: LOADS,
        process: Process::Loads(Runner::Default),
        cache: Cache::Off,
    },
    Target {
        id: "wasmtime/cranelift+pooling",
        compiler: Compiler::Cranelift,
        setup: Setup::Pooling,
        steps: IN_PROCESS,
        process: Process::None,
        cache: Cache::Off,
    },
    Target {
        id: "wasmtime/cranelift+pooling+keep-resident",
        compiler: Compiler::Cranelift,
        setup: Setup::PoolingKeepResident,
        steps: IN_PROCESS_AND_RUN,
        process: Process::None,
        cache: Cache::Off,
    },
    Target {
        id: "wasmtime/cranelift+no-cow",
        compiler: Compiler::Cranelift,
        setup: Setup::NoCow,
        steps: IN_PROCESS,
        process: Process::None,
        cache: Cache::Off,
    },
    Target {
        id: "wasmtime/cranelift+jit",
        compiler: Compiler::Cranelift,
        setup: Setup::Default,
        steps: COMPILES_AT_START,
        process: Process::Compiles(Runner::Default),
        cache: Cache::Off,
    },
    Target {
        id: "wasmtime/cranelift+cached",
        compiler: Compiler::Cranelift,
        setup: Setup::Default,
        steps: &[Step::Compile],
        process: Process::None,
        cache: Cache::On,
    },
    Target {
        id: "wasmtime/winch",
        compiler: Compiler::Winch,
        setup: Setup::Default,
        steps: LOADS,
        process: Process::Loads(Runner::Default),
        cache: Cache::Off,
    },
    Target {
        id: "wasmtime/winch+jit",
        compiler: Compiler::Winch,
        setup: Setup::Default,
        steps: COMPILES_AT_START,
        process: Process::Compiles(Runner::Default),
        cache: Cache::Off,
    },
    Target {
        id: "wasmtime/pulley",
        compiler: Compiler::Pulley,
        setup: Setup::Default,
        steps: INTERPRETED,
        process: Process::Loads(Runner::Default),
        cache: Cache::Off,
    },
    Target {
        id: "wasmtime/cranelift+static",
        compiler: Compiler::Cranelift,
        setup: Setup::Smallest,
        steps: PROCESS_ONLY,
        process: Process::Loads(Runner::Smallest),
        cache: Cache::Off,
    },
];

/// The fairness ledger of one target.
fn ledger(configuration: &Target) -> BTreeMap<String, String> {
    let mut ledger = BTreeMap::new();
    let mut say = |name: &str, text: String| {
        ledger.insert(name.to_owned(), text);
    };
    say(
        "compiler",
        match configuration.compiler {
            Compiler::Cranelift => "cranelift, optimising for speed (the crate's default)",
            Compiler::Winch => "winch, the baseline compiler",
            Compiler::Pulley => {
                "cranelift, optimising for speed, to the bytecode of Wasmtime's own interpreter \
                 (target pulley64)"
            }
        }
        .to_owned(),
    );
    say(
        "code",
        if configuration.cache == Cache::On {
            "the .wasm each time, the code out of Wasmtime's own cache, where it is before the first trial"
        } else if configuration.loads() {
            "ahead of time: a serialised module, mapped by deserialize_file"
        } else {
            "compiled from the .wasm each time, on all cores; no compilation cache"
        }
        .to_owned(),
    );
    say(
        "allocator",
        match configuration.setup {
            Setup::Default | Setup::NoCow | Setup::Smallest => "on demand (the default)".to_owned(),
            Setup::Pooling => {
                "pooling, its defaults: 1000 slots, memory reset by madvise".to_owned()
            }
            Setup::PoolingKeepResident => format!(
                "pooling, 1000 slots; memory reset by copying up to {} MiB (tables {} MiB) kept \
                 resident, PAGEMAP_SCAN where the kernel has it",
                MEMORY_KEEP_RESIDENT_BYTES >> 20,
                TABLE_KEEP_RESIDENT_BYTES >> 20
            ),
        },
    );
    say(
        "memory initialisation",
        match configuration.setup {
            Setup::NoCow => "data segments copied into every instance: memory_init_cow off",
            _ => "copy-on-write image of the data segments (the default)",
        }
        .to_owned(),
    );
    say(
        "memory protection",
        match configuration.compiler {
            Compiler::Cranelift | Compiler::Winch => {
                "4 GiB reservation with guard pages, bounds by signal handler, stack limit checked \
                 (the defaults); no fuel, no epochs"
            }
            Compiler::Pulley => {
                "4 GiB reservation without guard pages, bounds checked in bytecode, no signal \
                 handler (the defaults for this target); no fuel, no epochs"
            }
        }
        .to_owned(),
    );
    say(
        "wasi",
        "wasmtime-wasi preview 1, synchronous, blocking calls on the guest's thread as `wasmtime \
         run` has them; input folder preopened read-only; imports linked before the clock starts \
         (InstancePre) in L0, after it in L1 and L2"
            .to_owned(),
    );
    say(
        "limits",
        "none while it is measured. Suite sandbox, where it names one: memory by a limiter of the \
         store, time by epochs, for which the code is compiled anew to look at them"
            .to_owned(),
    );
    if configuration.setup == Setup::PoolingKeepResident {
        say(
            "departs from the defaults",
            "concurrency_support off (component-model async); Tokio's runtime, which \
             wasmtime-wasi calls through, is given by the host with one worker thread; see \
             allocator"
                .to_owned(),
        );
    }
    if configuration.steps.contains(&Step::Load) || configuration.steps.contains(&Step::Compile) {
        say(
            "guest stdout",
            "collected by wasmtime-wasi's MemoryOutputPipe in L0 to L2 and run".to_owned(),
        );
    }
    if configuration.steps.contains(&Step::FirstResponse)
        || configuration.steps.contains(&Step::ServeFresh)
    {
        say("http", http::LEDGER.to_owned());
    }
    match configuration.process {
        Process::None => {}
        Process::Loads(runner) | Process::Compiles(runner) => {
            say("process", process(runner).to_owned());
            say(
                "guest stdout in the process",
                "inherited; the process ends by exit(), without destructors".to_owned(),
            );
        }
    }
    ledger
}

fn process(runner: Runner) -> &'static str {
    match runner {
        Runner::Default => {
            "a minimal host program on the crate's default features and winch, release profile, \
             dynamically linked to glibc: what an embedder gets without asking for anything"
        }
        Runner::Smallest => {
            "a minimal host program on wasmtime with no optional feature but those wasmtime-wasi \
             needs (no compiler, gc, threads, profiling, cache, address map), statically linked \
             at a fixed address, fat LTO, one codegen unit, panic=abort, stripped, and with a Tokio runtime of one \
             worker thread instead of wasmtime-wasi's one for each processor: the smallest \
             process we could make"
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::conformance;

    use super::*;

    #[test]
    fn the_stated_version_is_the_locked_one() {
        conformance::assert_locked(include_str!("../Cargo.lock"), "wasmtime", ENGINE_VERSION);
    }

    #[test]
    fn the_targets_are_those_of_the_table_in_its_order() {
        let table = include_str!("../../../targets.toml");
        conformance::assert_in_order(table, ALL.iter().map(|target| target.id));
    }
}
