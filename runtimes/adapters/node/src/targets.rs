//! The targets, with their `node` options and fairness ledgers.

use std::collections::BTreeMap;

use crate::node::Node;

/// One target: a set of V8 options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Configuration {
    pub(crate) id: &'static str,
    tiers: Tiers,
}

/// The compilers that V8 uses for WebAssembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tiers {
    /// Both, which is the default.
    Default,
    /// Only the optimising compiler.
    Optimising,
}

/// All targets, in the order of runtimes/targets.toml.
pub(crate) const ALL: [Configuration; 2] = [
    Configuration {
        id: "node/v8",
        tiers: Tiers::Default,
    },
    Configuration {
        id: "node/v8+no-liftoff",
        tiers: Tiers::Optimising,
    },
];

/// Options for every start: no warning that node:wasi is experimental, and no fast calls from optimised code into it,
/// which crash node 20 when larger guests exit.
const ALWAYS: &[&str] = &["--no-warnings", "--no-turbo-fast-api-calls"];

impl Configuration {
    /// Command line options, placed before the script.
    pub(crate) fn options(&self) -> impl Iterator<Item = &'static str> {
        let own: &[_] = match self.tiers {
            Tiers::Default => &[],
            Tiers::Optimising => &["--no-liftoff"],
        };
        ALWAYS.iter().chain(own).copied()
    }

    /// The fairness ledger.
    pub(crate) fn ledger(&self, node: Option<&Node>) -> BTreeMap<String, String> {
        let compiler = match self.tiers {
            Tiers::Default => {
                "V8: Liftoff first, TurboFan for what runs often (the default). A guest's one long \
                 call of _start stays in Liftoff's code until functions that it calls are hot"
            }
            Tiers::Optimising => "V8: TurboFan alone, each function when it is first called",
        };
        let mut ledger: BTreeMap<String, String> = [
            ("compiler", compiler),
            ("code", "compiled from the .wasm in every process; no code cache"),
            (
                "options",
                "--no-warnings; --no-turbo-fast-api-calls, because node 20 otherwise crashes at the end \
                 of larger guests",
            ),
            ("wasi", "node:wasi (uvwasi), which is an experiment by its own account; the input folder \
              is granted writable, because it has no other way"),
            (
                "process",
                "the node on PATH, dynamically linked, with all of Node.js's own start; a script of \
                 a dozen lines that ends by process.exit",
            ),
            ("guest stdout", "inherited"),
            (
                "limits",
                "none while it is measured. Suite sandbox, where it names one: memory by V8's largest \
                 number of pages (--wasm-max-mem-pages), time by the watchdog of node:vm",
            ),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
        if let Some(node) = node {
            ledger.insert("v8".to_owned(), node.v8.clone());
            ledger.insert("program".to_owned(), node.program.display().to_string());
        }
        ledger
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
