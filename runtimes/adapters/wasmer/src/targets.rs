//! Configurations of Wasmer and their fairness ledgers.
//!
//! Nothing is measured twice under two names: in-process boundaries (L0, L1) are measured on the targets that load
//! artefacts, compiling (L2) on the `+jit` targets, and starting a process on all.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_adapter::in_process::{
    self, About, COMPILES_AT_START, Configuration, GuestName, LOADS, Process,
};
use plimsoll_adapter::protocol::{Directive, Script};
use plimsoll_adapter::record::{Proposal, Step};
use plimsoll_adapter::{Error, http, wast};
use wasmer_runner::{Compiler, Settings, engine, headless};

use crate::engine::{Wasmer, serialise};
use crate::specification::{self, Specification};

/// Version of the wasmer crate; Cargo.toml pins it exactly, and a test compares the two.
const ENGINE_VERSION: &str = "7.4.2";

/// Names and versions of the adapter `adapter` and its engine.
pub fn about(adapter: &'static str) -> About {
    About {
        adapter,
        engine: "wasmer",
        engine_version: ENGINE_VERSION.to_owned(),
    }
}

/// The steps that depend on the generated code.
const RUNS: &[Step] = &[
    Step::Instantiate,
    Step::Load,
    Step::FirstOutputWarm,
    Step::FirstOutputArtefact,
    Step::Process,
    Step::Deploy,
    Step::Execute,
    Step::Serve,
    Step::ServeFresh,
    Step::FirstResponse,
];

/// One target.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Id in runtimes/targets.toml.
    pub id: &'static str,
    /// The compiler that generates its code.
    pub compiler: Compiler,
    /// Differences from the compiler's defaults.
    pub settings: Settings,
    /// Whether it compiles ahead of time or at every start.
    pub code: Code,
}

/// When a `.wasm` is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Ahead of time: an artefact is loaded.
    AheadOfTime,
    /// At every start.
    AtStart,
}

impl Configuration for Target {
    type Engine = Wasmer;

    fn id(&self) -> &'static str {
        self.id
    }

    /// Once loaded, code is the same for both kinds of artefact; scripts run only on compilers with default settings.
    fn steps(&self) -> &[Step] {
        match (self.code, self.settings) {
            (Code::AheadOfTime, Settings::Default) => LOADS,
            (Code::AheadOfTime, Settings::Mapped) => {
                &[Step::Load, Step::Process, Step::Deploy, Step::FirstResponse]
            }
            (Code::AheadOfTime, Settings::NonVolatile) => RUNS,
            (Code::AtStart, _) => COMPILES_AT_START,
        }
    }

    fn ledger(&self) -> BTreeMap<String, String> {
        ledger(self)
    }

    fn code(&self) -> in_process::Code {
        match self.code {
            Code::AheadOfTime => in_process::Code::Artefact {
                file: "module.wasmu",
                role: "aot",
            },
            Code::AtStart => in_process::Code::Wasm,
        }
    }

    fn process(&self) -> Option<Process> {
        // Artefacts of every compiler run in the same program, which does not contain LLVM.
        let (program, options): (_, &[&str]) = match self.code {
            Code::AheadOfTime => ("wasmer-runner", &[]),
            Code::AtStart => (runner(self.compiler), &["--compile", self.compiler.name()]),
        };
        Some(Process {
            program: in_process::beside(program),
            options: options.iter().map(|&word| word.to_owned()).collect(),
            name: GuestName::Argument,
        })
    }

    fn engine(&self) -> Result<Wasmer, Error> {
        Wasmer::new(match self.code {
            Code::AheadOfTime => headless(),
            Code::AtStart => engine(self.compiler, self.settings),
        })
    }

    fn serialise(&self, _: &Wasmer, wasm: &[u8], _: &Path) -> Result<Vec<u8>, Error> {
        serialise(&engine(self.compiler, self.settings), wasm)
    }

    fn claims(&self) -> Vec<Proposal> {
        specification::claims(self.compiler)
    }

    fn script(&self, request: &Script, went: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        let mut engine = Specification::new(self.compiler, &request.features);
        wast::run(&mut engine, request, went)
    }
}

/// The fairness ledger of one target.
fn ledger(configuration: &Target) -> BTreeMap<String, String> {
    let ahead = configuration.code == Code::AheadOfTime;
    let mut ledger = BTreeMap::new();
    let mut say = |name: &str, text: &str| {
        ledger.insert(name.to_owned(), text.to_owned());
    };
    say(
        "compiler",
        match configuration.compiler {
            #[cfg(feature = "compilers")]
            Compiler::Cranelift => "cranelift, optimising for speed (the crate's default)",
            #[cfg(feature = "compilers")]
            Compiler::Singlepass => "singlepass, the baseline compiler; no SIMD",
            #[cfg(feature = "llvm")]
            Compiler::Llvm => {
                "LLVM 22, optimising aggressively (the crate's default), for a generic CPU with \
                 the features of this one; linked statically"
            }
        },
    );
    say(
        "code",
        match (configuration.code, configuration.settings) {
            (Code::AheadOfTime, Settings::Default | Settings::NonVolatile) => {
                "ahead of time: a serialised module, read and copied by deserialize_from_file (the \
                 default)"
            }
            (Code::AheadOfTime, Settings::Mapped) => {
                "ahead of time: an ELF file, mapped by deserialize_from_file: the crate's \
                 experimental_artifact, which is off by default"
            }
            (Code::AtStart, _) => {
                "compiled from the .wasm each time, on all cores; no module cache"
            }
        },
    );
    say(
        "memory",
        "the crate's defaults: static reservation with guard pages, data segments copied at \
         instantiation; there is no pooling allocator and no copy-on-write image",
    );
    say(
        "limits",
        "none, neither while it is measured nor in suite sandbox: the crate has them (tunables of \
         memories; a middleware, a crate of its own, that counts operators), and this adapter sets none",
    );
    say(
        "non_volatile_memops and readonly_funcref_table",
        switches(configuration),
    );
    say(
        "wasi",
        "WASIX with a multi-threaded Tokio runtime; built without its networking, HTTP client, \
         journal and logging, which no preview-1 guest can reach and which would only cost it \
         time to start; the input folder is the root of the guest's file system and \
         its `.`, preopened for reading; without one there is an empty file system in memory. \
         Unlike the other engines' it has a process table, signals and a virtual root, and imports \
         are bound at every instantiation (inside L0, L1 and L2): those of preview 1 only, where \
         the crate's own builder would bind all of WASIX",
    );
    if ahead {
        say(
            "guest stdout in L0 and L1",
            "a WASIX pipe, drained after the instance is gone",
        );
    } else {
        say(
            "guest stdout in L2",
            "a WASIX pipe, drained after the instance is gone",
        );
    }
    say("http", http::LEDGER);
    say("process", process(configuration));
    ledger
}

/// The two switches that affect only LLVM.
fn switches(configuration: &Target) -> &'static str {
    match (configuration.compiler, configuration.settings) {
        #[cfg(feature = "llvm")]
        (Compiler::Llvm, Settings::NonVolatile) => {
            "on; off by default, for LLVM may then leave out an access to memory that traps \
             (\"not 100% spec compliant\")"
        }
        #[cfg(feature = "llvm")]
        (Compiler::Llvm, _) => "off, as by default",
        #[cfg(feature = "compilers")]
        (Compiler::Cranelift | Compiler::Singlepass, _) => "act on LLVM only",
    }
}

/// Description of the program that `bench` starts.
fn process(configuration: &Target) -> &'static str {
    match (configuration.code, configuration.compiler) {
        (Code::AheadOfTime, _) => {
            "a minimal host program with a headless engine, the same for every compiler \
             (Cranelift and Singlepass are linked, LLVM is not, none is used), release profile, \
             dynamically linked to glibc; ends by exit(), without destructors"
        }
        #[cfg(feature = "llvm")]
        (Code::AtStart, Compiler::Llvm) => {
            "a minimal host program, release profile, dynamically linked to glibc, at a fixed \
             address, which spares LLVM's tables their relocation; ends by exit(), without \
             destructors"
        }
        #[cfg(feature = "compilers")]
        (Code::AtStart, Compiler::Cranelift | Compiler::Singlepass) => {
            "a minimal host program, release profile, dynamically linked to glibc; ends by \
             exit(), without destructors"
        }
    }
}

/// The program that runs a `.wasm` with this compiler.
fn runner(compiler: Compiler) -> &'static str {
    match compiler {
        #[cfg(feature = "compilers")]
        Compiler::Cranelift | Compiler::Singlepass => "wasmer-runner",
        #[cfg(feature = "llvm")]
        Compiler::Llvm => "wasmer-llvm-runner",
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::conformance;

    use super::*;

    #[test]
    fn the_stated_version_is_the_locked_one() {
        conformance::assert_locked(include_str!("../Cargo.lock"), "wasmer", ENGINE_VERSION);
    }
}
