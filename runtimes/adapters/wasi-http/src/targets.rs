//! The targets and their fairness ledgers.

use std::collections::BTreeMap;

use plimsoll_adapter::protocol::Instances;
use plimsoll_adapter::record::Step;

use crate::command::{Form, Server};
use crate::engine::{EPOCH_MILLISECONDS, MEMORY_KEEP_RESIDENT_BYTES, TABLE_KEEP_RESIDENT_BYTES};

/// Version of the wasmtime crates; Cargo.toml pins it exactly, and a test compares the two.
pub(crate) const ENGINE_VERSION: &str = "48.0.8";

/// How many requests `wasmtime serve` gives an instance of WASI 0.3 by default. Of WASI 0.2 it is 1.
const REUSE: usize = 128;

/// The server that a target stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Spin,
    WasmtimeServe,
}

/// A target of this adapter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) id: &'static str,
    pub(crate) after: After,
    pub(crate) form: Form,
    pub(crate) steps: &'static [Step],
}

/// All targets, in the order of runtimes/targets.toml.
pub(crate) const ALL: &[Target] = &[
    Target {
        id: "wasmtime/wasi-http",
        after: After::Spin,
        form: Form::Artefact,
        steps: &[Step::ServeFresh, Step::FirstResponse],
    },
    // After the start both targets run the same code, so only the start is measured.
    Target {
        id: "wasmtime/wasi-http+jit",
        after: After::Spin,
        form: Form::Component,
        steps: &[Step::FirstResponse],
    },
    Target {
        id: "wasmtime/serve",
        after: After::WasmtimeServe,
        form: Form::Artefact,
        steps: &[Step::Serve, Step::ServeFresh, Step::FirstResponse],
    },
];

impl Target {
    /// The server to start.
    pub(crate) fn server(&self, instances: Instances) -> Server {
        match (self.after, instances) {
            (After::Spin, _) => Server::Spin,
            (After::WasmtimeServe, Instances::Fresh) => Server::Workers { requests: 1 },
            (After::WasmtimeServe, Instances::Kept) => Server::Workers { requests: REUSE },
        }
    }

    /// The fairness ledger.
    pub(crate) fn ledger(&self) -> BTreeMap<String, String> {
        let code = match self.form {
            Form::Artefact => {
                "ahead of time: a serialised component, mapped by deserialize_file. (Spin and `wasmtime serve` \
                 compile at the start, and find what they compiled before in a cache)"
            }
            Form::Component => {
                "compiled from the component at each start, on all cores; no compilation cache"
            }
        };
        let own = match self.after {
            After::Spin => as_spin(),
            After::WasmtimeServe => as_wasmtime_serve(),
        };
        let same = [
            (
                "compiler",
                "cranelift, optimising for speed (the crate's default)",
            ),
            ("code", code),
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
                "wasi",
                "wasmtime-wasi preview 2, asynchronous: the world's interfaces alone; no stdio, no \
                 files, no environment",
            ),
        ];
        same.into_iter()
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .chain(own)
            .collect()
    }
}

fn as_spin() -> Vec<(String, String)> {
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
    let texts = [
        ("allocator", resident.as_str()),
        ("interruption", &epochs),
        (
            "instances",
            "one for each request, of a component that was linked before (ProxyPre); the guest \
             runs in a task of its own. What is kept between requests is the pool",
        ),
        (
            "stands for",
            "Spin's way of serving without Spin: its router, its factors, its telemetry and its \
             triggers are not here, so a request can only be cheaper than Spin's",
        ),
    ];
    owned(&texts)
}

fn as_wasmtime_serve() -> Vec<(String, String)> {
    let instances = format!(
        "the queue and workers of wasmtime-wasi-http's module `handler`, which the command uses: fresh, an \
         instance drops after 1 request, the command's default for WASI 0.2; kept, after {REUSE}, its default for \
         WASI 0.3 (`--max-instance-reuse-count`), or after a second without a request. One request at a time in an instance: \
         WASI 0.2 allows no more"
    );
    let texts = [
        (
            "allocator",
            "pooling with the crate's defaults, which the command takes where the address space suffices",
        ),
        (
            "interruption",
            "none: the command counts epochs only with a time limit",
        ),
        ("instances", instances.as_str()),
        (
            "stands for",
            "the command `wasmtime serve` without its command line: same library, same pool, same queue; its logging \
             and its limit of 1000 concurrent requests are not here",
        ),
    ];
    owned(&texts)
}

fn owned(texts: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    texts.iter().map(owned).collect()
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
