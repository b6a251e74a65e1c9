//! Which configurations of Wasmer are measured, and what the ledger says of each.
//!
//! Nothing is measured twice under two names: what lies inside an engine (L0, L1) is measured on
//! the targets that load artefacts, compiling (L2) on the `+jit` targets, and a process from
//! nothing on all.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_adapter::in_process::{
    self, COMPILES_AT_START, Configuration, GuestName, LOADS, Process,
};
use plimsoll_adapter::protocol::{Directive, Script};
use plimsoll_adapter::record::{Proposal, Step};
use plimsoll_adapter::{Error, http, wast};
use wasmer_runner::{Artefact, Compiler};

use crate::engine::Wasmer;
use crate::specification::{self, Specification};

/// The version of the wasmer crate; Cargo.toml pins exactly this one, and a test holds them
/// equal.
pub(crate) const ENGINE_VERSION: &str = "7.4.2";

/// One configuration: one target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    id: &'static str,
    pub(crate) compiler: Compiler,
    pub(crate) artefact: Artefact,
    code: Code,
}

/// When a `.wasm` becomes machine code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// Before: an artefact is loaded.
    AheadOfTime,
    /// At every start.
    AtStart,
}

impl Configuration for Target {
    type Engine = Wasmer;

    fn id(&self) -> &'static str {
        self.id
    }

    /// Once it is loaded, code from one kind of artefact is code from the other.
    fn steps(&self) -> &[Step] {
        match (self.code, self.artefact) {
            (Code::AheadOfTime, Artefact::Default) => LOADS,
            (Code::AheadOfTime, Artefact::Experimental) => {
                &[Step::Load, Step::Process, Step::Fresh, Step::Zero]
            }
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
        let options: &[&str] = match (self.code, self.compiler) {
            (Code::AheadOfTime, _) => &[],
            (Code::AtStart, Compiler::Cranelift) => &["--compile", "cranelift"],
            (Code::AtStart, Compiler::Singlepass) => &["--compile", "singlepass"],
        };
        Some(Process {
            program: in_process::beside("wasmer-runner"),
            options: options.iter().map(|&word| word.to_owned()).collect(),
            grant: &["--dir"],
            grant_writable: &["--grant", ".::."],
            name: GuestName::Argument,
        })
    }

    fn engine(&self) -> Result<Wasmer, Error> {
        Wasmer::new(self)
    }

    fn serialise(&self, engine: &Wasmer, wasm: &[u8], _: &Path) -> Result<Vec<u8>, Error> {
        engine.serialise(wasm)
    }

    fn claims(&self) -> Vec<Proposal> {
        specification::claims(self.compiler)
    }

    fn script(&self, request: &Script, went: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        let mut engine = Specification::new(self.compiler, &request.features);
        wast::run(&mut engine, request, went)
    }
}

/// Every target, in the order of runtimes/targets.toml.
pub(crate) const ALL: &[Target] = &[
    Target {
        id: "wasmer/cranelift",
        compiler: Compiler::Cranelift,
        artefact: Artefact::Default,
        code: Code::AheadOfTime,
    },
    Target {
        id: "wasmer/cranelift+mapped",
        compiler: Compiler::Cranelift,
        artefact: Artefact::Experimental,
        code: Code::AheadOfTime,
    },
    Target {
        id: "wasmer/cranelift+jit",
        compiler: Compiler::Cranelift,
        artefact: Artefact::Default,
        code: Code::AtStart,
    },
    Target {
        id: "wasmer/singlepass",
        compiler: Compiler::Singlepass,
        artefact: Artefact::Default,
        code: Code::AheadOfTime,
    },
    Target {
        id: "wasmer/singlepass+jit",
        compiler: Compiler::Singlepass,
        artefact: Artefact::Default,
        code: Code::AtStart,
    },
];

/// The fairness ledger of one target: every setting that a sceptical reader would ask about.
fn ledger(configuration: &Target) -> BTreeMap<String, String> {
    let ahead = configuration.code == Code::AheadOfTime;
    let mut ledger = BTreeMap::new();
    let mut say = |name: &str, text: &str| {
        ledger.insert(name.to_owned(), text.to_owned());
    };
    say(
        "compiler",
        match configuration.compiler {
            Compiler::Cranelift => "cranelift, optimising for speed (the crate's default)",
            Compiler::Singlepass => "singlepass, the baseline compiler; no SIMD",
        },
    );
    say(
        "code",
        match (configuration.code, configuration.artefact) {
            (Code::AheadOfTime, Artefact::Default) => {
                "ahead of time: a serialised module, read and copied by deserialize_from_file (the \
                 default)"
            }
            (Code::AheadOfTime, Artefact::Experimental) => {
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
        "none, neither while it is measured nor in suite capabilities: the crate has them (tunables of \
         memories; a middleware, a crate of its own, that counts operators), and this adapter sets none",
    );
    say(
        "switches left alone",
        "non_volatile_memops and readonly_funcref_table act on the LLVM compiler only, which is \
         not built here",
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
    say(
        "process",
        if ahead {
            "a minimal host program with a headless engine (both compilers are linked, none is \
             used), release profile, dynamically linked to glibc; ends by exit(), without \
             destructors"
        } else {
            "a minimal host program, release profile, dynamically linked to glibc; ends by \
             exit(), without destructors"
        },
    );
    ledger
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::conformance;

    use super::*;

    #[test]
    fn the_stated_version_is_the_locked_one() {
        conformance::assert_locked(include_str!("../Cargo.lock"), "wasmer", ENGINE_VERSION);
    }

    #[test]
    fn the_targets_are_those_of_the_table_in_its_order() {
        let table = include_str!("../../../targets.toml");
        conformance::assert_in_order(table, ALL.iter().map(|target| target.id));
    }
}
