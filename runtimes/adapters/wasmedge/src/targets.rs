//! The measured configurations of WasmEdge and their fairness ledgers.

use std::collections::BTreeMap;
use std::path::Path;

use adapter_wasmedge::specification::{self, Specification};
use adapter_wasmedge::{Interruptible, Limits, Mode};
use plimsoll_adapter::in_process::{self, Code, Configuration, GuestName, Held, Process};
use plimsoll_adapter::protocol::{Directive, Script};
use plimsoll_adapter::record::run::ProgramRecord;
use plimsoll_adapter::record::{Limit, Proposal, Step};
use plimsoll_adapter::runner;
use plimsoll_adapter::{Error, http, programs, wast};

use crate::engine::WasmEdge;

/// One target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    id: &'static str,
    mode: Mode,
    steps: &'static [Step],
}

/// Without the first-output steps: the library writes a guest's output directly to the descriptor, so the adapter
/// cannot see when the first byte arrives.
const AHEAD_OF_TIME: [Step; 10] = [
    Step::Instantiate,
    Step::Load,
    Step::Process,
    Step::Deploy,
    Step::Instances,
    Step::Execute,
    Step::Serve,
    Step::ServeFresh,
    Step::FirstResponse,
    Step::Conformance,
];
/// Like `AHEAD_OF_TIME`, but with `compile` instead of `load`, because the `.wasm` is loaded.
const INTERPRETED: [Step; 10] = [
    Step::Instantiate,
    Step::Compile,
    Step::Process,
    Step::Deploy,
    Step::Instances,
    Step::Execute,
    Step::Serve,
    Step::ServeFresh,
    Step::FirstResponse,
    Step::Conformance,
];

/// All targets, in the order of runtimes/targets.toml.
pub(crate) const ALL: &[Target] = &[
    Target {
        id: "wasmedge/aot",
        mode: Mode::Aot,
        steps: &AHEAD_OF_TIME,
    },
    Target {
        id: "wasmedge/interpreter",
        mode: Mode::Interpreter,
        steps: &INTERPRETED,
    },
];

impl Configuration for Target {
    type Engine = WasmEdge;

    fn id(&self) -> &'static str {
        self.id
    }

    fn steps(&self) -> &[Step] {
        self.steps
    }

    fn code(&self) -> Code {
        match self.mode {
            Mode::Aot => Code::Artefact {
                file: "module.so",
                role: "aot",
            },
            Mode::Interpreter => Code::Artefact {
                file: "module.wasm",
                role: "wasm",
            },
        }
    }

    fn process(&self) -> Option<Process> {
        Some(Process {
            program: in_process::beside("wasmedge-runner"),
            options: match self.mode {
                Mode::Aot => Vec::new(),
                Mode::Interpreter => vec!["--interpret".to_owned()],
            },
            name: GuestName::Argument,
        })
    }

    fn held(&self, limits: &[Limit]) -> Result<Held<WasmEdge>, Error> {
        let options = runner::limits(limits)?;
        let mut held = Limits::default();
        for limit in limits {
            match *limit {
                Limit::Memory { bytes } => held.memory_bytes = Some(bytes),
                Limit::Time { .. } => held.interruptible = Interruptible::Yes,
                _ => {}
            }
        }
        Ok(Held {
            engine: WasmEdge::held(self.mode, held)?,
            options,
        })
    }

    fn engine(&self) -> Result<WasmEdge, Error> {
        WasmEdge::new(self.mode)
    }

    fn serialise(&self, engine: &WasmEdge, wasm: &[u8], scratch: &Path) -> Result<Vec<u8>, Error> {
        engine.serialise(wasm, scratch)
    }

    fn ledger(&self) -> BTreeMap<String, String> {
        let aot = self.mode == Mode::Aot;
        in_process::ledger([
            (
                "compiler",
                if aot {
                    "LLVM, optimisation level 3 (WasmEdge's default)"
                } else {
                    "none: the interpreter, WasmEdge's default run mode"
                },
            ),
            (
                "code",
                if aot {
                    "ahead of time: a shared library, opened by dlopen; run mode AOT, without which \
                     WasmEdge would interpret the module inside it"
                } else {
                    "the .wasm, parsed and validated at every load"
                },
            ),
            (
                "allocator",
                "a memory of its own for every instance (the default; there is no other)",
            ),
            (
                "memory protection",
                "12 GiB of address space a memory with guard regions, bounds by signal handler in \
                 compiled code, checked by the interpreter (the defaults); no gas, no statistics, not \
                 interruptible",
            ),
            (
                "interface",
                "the C API by crate wasmedge-sys: the SDK above it blocks and unblocks a signal around \
                 every host call, two system calls that WasmEdge does not make; a store, an executor \
                 and a WASI module for every instance, as the SDK's Vm has them",
            ),
            (
                "wasi",
                "WasmEdge's own preview 1, calls on the guest's thread; input folder preopened \
                 read-only; imports linked inside the clock, because a WASI module belongs to one \
                 instance",
            ),
            (
                "guest stdout",
                "a file in memory (memfd) in L0 to L2 and run, because WasmEdge writes to descriptors \
                 only; inherited in the process",
            ),
            (
                "process",
                "a minimal host program, dynamically linked to libwasmedge, which brings libLLVM: \
                 nearly all of its start is the loader relocating that, as with the wasmedge command. \
                 Where scripts/wasmedge-prefix brought the library, the C library is Debian's newest, \
                 not the machine's",
            ),
            (
                "limits",
                "none while it is measured. Suite sandbox, where it names one: memory by the largest \
                 number of pages (a module that begins with more is given fewer, without a word); time by \
                 an asynchronous call that is cancelled, as the command's --time-limit is, for which code \
                 compiled ahead of time is compiled anew as interruptible. Nothing but memory bounds the \
                 interpreter's recursion, and nothing takes its own socket calls away",
            ),
            ("http", http::LEDGER),
        ])
    }

    fn libraries(&self) -> Result<Vec<ProgramRecord>, Error> {
        programs::loaded_libraries("wasmedge")
    }

    fn claims(&self) -> Vec<Proposal> {
        specification::claims(self.mode)
    }

    fn script(&self, request: &Script, went: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        let mut engine = Specification::new(self.mode, &request.features, &request.script)?;
        wast::run(&mut engine, request, went)
    }
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
