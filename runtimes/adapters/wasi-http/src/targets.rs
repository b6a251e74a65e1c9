//! The targets and their fairness ledgers.

use std::collections::BTreeMap;

use plimsoll_adapter::record::Step;

use crate::command::Form;
use crate::engine::{EPOCH_MILLISECONDS, MEMORY_KEEP_RESIDENT_BYTES, TABLE_KEEP_RESIDENT_BYTES};

/// Version of the wasmtime crates; Cargo.toml pins it exactly, and a test compares the two.
pub(crate) const ENGINE_VERSION: &str = "48.0.8";

/// A target of this adapter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) id: &'static str,
    pub(crate) form: Form,
    pub(crate) steps: &'static [Step],
}

/// All targets, in the order of runtimes/targets.toml.
pub(crate) const ALL: &[Target] = &[
    Target {
        id: "wasmtime/wasi-http",
        form: Form::Artefact,
        steps: &[Step::ServeFresh, Step::FirstResponse],
    },
    // After the start both targets run the same code, so only the start is measured.
    Target {
        id: "wasmtime/wasi-http+jit",
        form: Form::Component,
        steps: &[Step::FirstResponse],
    },
];

impl Target {
    /// The fairness ledger.
    pub(crate) fn ledger(&self) -> BTreeMap<String, String> {
        let code = match self.form {
            Form::Artefact => {
                "ahead of time: a serialised component, mapped by deserialize_file. (Spin compiles at \
                 the start, and finds what it compiled before in a cache)"
            }
            Form::Component => {
                "compiled from the component at each start, on all cores; no compilation cache"
            }
        };
        let resident = format!(
            "pooling, with Spin's own figures: 1000 slots, {} MiB of memory and {} KiB of tables kept \
             resident and reset by copying",
            MEMORY_KEEP_RESIDENT_BYTES >> 20,
            TABLE_KEEP_RESIDENT_BYTES >> 10
        );
        let epochs = format!(
            "epochs on, as in Spin, with a thread that counts every {EPOCH_MILLISECONDS} ms: every \
             loop and call is checked, which the other Wasmtime targets do without; no deadline, no fuel"
        );
        [
            ("compiler", "cranelift, optimising for speed (the crate's default)"),
            ("code", code),
            ("allocator", &resident),
            ("interruption", &epochs),
            (
                "guest",
                "another build of the same routes, catalogue and bodies (workload handler-http): a \
                 component of wasi:http/proxy by the crate wasip2, core module of wasm32-wasip1 with \
                 Wasmtime's adapter. It parses no HTTP and writes none: the host does, in native code",
            ),
            (
                "http",
                "hyper on Tokio with a worker for each processor, HTTP/1.1; wasmtime-wasi-http turns \
                 requests and responses into resources. The host adds the field `date` and words \
                 statuses itself",
            ),
            (
                "instances",
                "one for each request, of a component that was linked before (ProxyPre); the guest \
                 runs in a task of its own. What is kept between requests is the pool",
            ),
            (
                "wasi",
                "wasmtime-wasi preview 2, asynchronous: the world's interfaces alone; no stdio, no \
                 files, no environment",
            ),
            (
                "stands for",
                "Spin's way of serving without Spin: its router, its factors, its telemetry and its \
                 triggers are not here, so a request can only be cheaper than Spin's",
            ),
        ]
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::conformance;

    use super::*;

    #[test]
    fn the_stated_version_is_the_locked_one() {
        let lock = include_str!("../Cargo.lock");
        for name in ["wasmtime", "wasmtime-wasi-http"] {
            let locked = format!("name = \"{name}\"\nversion = \"{ENGINE_VERSION}\"");
            assert!(lock.contains(&locked), "Cargo.lock has another {name}");
        }
    }

    #[test]
    fn the_targets_are_those_of_the_table_in_its_order() {
        let table = include_str!("../../../targets.toml");
        conformance::assert_in_order(table, ALL.iter().map(|target| target.id));
    }
}
