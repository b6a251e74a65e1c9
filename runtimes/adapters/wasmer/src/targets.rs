//! Which configurations of Wasmer are measured, and what the ledger says of each.
//!
//! Nothing is measured twice under two names: what lies inside an engine (L0, L1) is measured on
//! the targets that load artefacts, compiling (L2) on the `+jit` targets, and a process from
//! nothing on all.

use std::collections::BTreeMap;

use plimsoll_adapter::http;
use plimsoll_adapter::record::Step;
use wasmer_runner::{Artefact, Compiler};

/// The version of the wasmer crate; Cargo.toml pins exactly this one, and a test holds them
/// equal.
pub(crate) const ENGINE_VERSION: &str = "7.4.2";

/// One configuration: one target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Configuration {
    pub(crate) id: &'static str,
    pub(crate) compiler: Compiler,
    pub(crate) artefact: Artefact,
    pub(crate) code: Code,
}

/// When a `.wasm` becomes machine code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Before: an artefact is loaded.
    AheadOfTime,
    /// At every start.
    AtStart,
}

impl Configuration {
    /// The steps that the target can do. Once it is loaded, code from one kind of artefact is
    /// code from the other.
    pub(crate) fn steps(&self) -> &'static [Step] {
        match (self.code, self.artefact) {
            (Code::AheadOfTime, Artefact::Default) => &[
                Step::Instantiate,
                Step::Load,
                Step::Process,
                Step::Fresh,
                Step::Instances,
                Step::Iterate,
                Step::Serve,
                Step::ServeFresh,
                Step::Zero,
            ],
            (Code::AheadOfTime, Artefact::Experimental) => {
                &[Step::Load, Step::Process, Step::Fresh, Step::Zero]
            }
            (Code::AtStart, _) => &[Step::Compile, Step::Process, Step::Fresh, Step::Zero],
        }
    }
}

/// Every target, in the order of runtimes/targets.toml.
pub(crate) const ALL: &[Configuration] = &[
    Configuration {
        id: "wasmer/cranelift",
        compiler: Compiler::Cranelift,
        artefact: Artefact::Default,
        code: Code::AheadOfTime,
    },
    Configuration {
        id: "wasmer/cranelift+mapped",
        compiler: Compiler::Cranelift,
        artefact: Artefact::Experimental,
        code: Code::AheadOfTime,
    },
    Configuration {
        id: "wasmer/cranelift+jit",
        compiler: Compiler::Cranelift,
        artefact: Artefact::Default,
        code: Code::AtStart,
    },
    Configuration {
        id: "wasmer/singlepass",
        compiler: Compiler::Singlepass,
        artefact: Artefact::Default,
        code: Code::AheadOfTime,
    },
    Configuration {
        id: "wasmer/singlepass+jit",
        compiler: Compiler::Singlepass,
        artefact: Artefact::Default,
        code: Code::AtStart,
    },
];

/// The fairness ledger of one target: every setting that a sceptical reader would ask about.
pub(crate) fn ledger(configuration: &Configuration) -> BTreeMap<String, String> {
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
    use super::*;

    #[test]
    fn the_stated_version_is_the_locked_one() {
        let lock = include_str!("../Cargo.lock");
        let locked = format!("name = \"wasmer\"\nversion = \"{ENGINE_VERSION}\"");
        assert!(lock.contains(&locked), "Cargo.lock has another wasmer");
    }

    #[test]
    fn the_targets_are_those_of_the_table_in_its_order() {
        let table = include_str!("../../../targets.toml");
        let mut rest = table;
        for configuration in ALL {
            let row = format!("\"{}\",", configuration.id);
            let at = rest
                .find(&row)
                .unwrap_or_else(|| panic!("{row} in its place"));
            rest = &rest[at..];
        }
    }
}
