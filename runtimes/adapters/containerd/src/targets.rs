//! Configurations and their fairness ledgers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_adapter::in_process::beside;
use plimsoll_adapter::protocol::{Availability, Workload};
use plimsoll_adapter::record::run::TargetKind;
use plimsoll_adapter::{Error, native};

use crate::containerd::{Absent, Daemon, on_path};

/// File name of our shim.
const SHIM: &str = "containerd-shim-plimsoll-v1";
/// containerd's name for its own OCI shim.
const RUNC: &str = "io.containerd.runc.v2";
/// Version of the wasmtime crate in the shim; a test compares it with Cargo.lock.
const WASMTIME_VERSION: &str = "48.0.8";
/// Version of the shim's library.
const LIBRARY_VERSION: &str = "1.0.1";

/// What a container runs, and with which shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runs {
    /// The static native program, with runc and containerd's own shim.
    Native,
    /// An artefact compiled ahead of time, with our shim.
    Artefact,
    /// The `.wasm`, compiled at every start, with our shim.
    Wasm,
}

/// A target and what it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) id: &'static str,
    pub(crate) runs: Runs,
}

/// All targets, in the order of runtimes/targets.toml.
pub(crate) const ALL: [Target; 3] = [
    Target {
        id: "containerd/runc",
        runs: Runs::Native,
    },
    Target {
        id: "containerd/wasmtime",
        runs: Runs::Artefact,
    },
    Target {
        id: "containerd/wasmtime+jit",
        runs: Runs::Wasm,
    },
];

/// Path of our shim; it may not be built yet.
pub(crate) fn shim() -> PathBuf {
    beside(SHIM)
}

impl Target {
    /// Whether its guest is native or WebAssembly.
    pub(crate) fn kind(&self) -> TargetKind {
        match self.runs {
            Runs::Native => TargetKind::Container,
            Runs::Artefact | Runs::Wasm => TargetKind::Wasm,
        }
    }

    /// The runtime passed to containerd.
    pub(crate) fn runtime(&self) -> String {
        match self.runs {
            Runs::Native => RUNC.to_owned(),
            Runs::Artefact | Runs::Wasm => shim().to_string_lossy().into_owned(),
        }
    }

    /// The program in its image: the native one, or the file that `prepare` wrote.
    ///
    /// # Errors
    ///
    /// If the workload has no native program.
    pub(crate) fn program(&self, workload: &Workload, scratch: &Path) -> Result<PathBuf, Error> {
        match self.runs {
            Runs::Native => native::require(workload).map(Path::to_owned),
            Runs::Artefact => Ok(scratch.join("module.cwasm")),
            Runs::Wasm => Ok(scratch.join("module.wasm")),
        }
    }

    pub(crate) fn availability(&self, daemon: &Result<Daemon, Absent>) -> Availability {
        let unavailable = |reason: String, remedy: &str| Availability::Unavailable {
            reason,
            remedy: remedy.to_owned(),
        };
        if let Err(absent) = daemon {
            return absent.availability();
        }
        match self.runs {
            Runs::Native if on_path("runc").is_none() => unavailable(
                "no runc is on PATH".to_owned(),
                "scripts/install-tools runc",
            ),
            Runs::Artefact | Runs::Wasm if !shim().is_file() => unavailable(
                format!("its shim {} has not been built", shim().display()),
                "bench setup containerd",
            ),
            _ => Availability::Available,
        }
    }

    /// The fairness ledger.
    pub(crate) fn ledger(&self, daemon: Option<&Daemon>) -> BTreeMap<String, String> {
        let mut ledger: BTreeMap<String, String> = [
            (
                "path",
                "containerd through its own client, ctr, the same three commands for every target of \
                 this adapter: containers create, tasks start, containers rm. Each is a process of its \
                 own, whose start is in the clock",
            ),
            (
                "clock",
                "L3: tasks start is spawned, to the first byte of output; L4: containers create is \
                 spawned, to the exit of tasks start, which has removed the task; L5: to the exit of \
                 containers rm; L6: as L5, with images import before it. The adapter's clock, for the \
                 processor time and the memory of a client are not the container's",
            ),
            (
                "image",
                "one layer: the program and the input folder, in a snapshot by containerd's default \
                 snapshotter; imported outside the clock but at L6",
            ),
            (
                "network",
                "none: a namespace with a loopback interface alone, as ctr gives it",
            ),
            (
                "security",
                "ctr's default capabilities, masked and read-only paths; no seccomp filter and no \
                 AppArmor profile, which Docker sets and pays for",
            ),
            ("memory and cpu limits", "none; a control group of its own in every hierarchy"),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
        let mut say = |name: &str, text: String| {
            ledger.insert(name.to_owned(), text);
        };
        match self.runs {
            Runs::Native => say(
                "runtime",
                format!("{RUNC}: containerd's own shim, and runc"),
            ),
            Runs::Artefact | Runs::Wasm => {
                say(
                    "runtime",
                    format!(
                        "a shim of ours of 100 lines on crate containerd-shim-wasm {LIBRARY_VERSION}, \
                         with wasmtime {WASMTIME_VERSION}, the crate's defaults: the guest runs in a \
                         container that the library makes (namespaces, control groups), in a process \
                         forked from the shim"
                    ),
                );
                say(
                    "code",
                    match self.runs {
                        Runs::Wasm => {
                            "compiled from the .wasm at each start, on all cores; what the library can \
                             cache is not used: it caches layers of another kind of image"
                        }
                        _ => {
                            "ahead of time: a serialised module in the image, mapped by deserialize_file"
                        }
                    }
                    .to_owned(),
                );
                say(
                    "wasi",
                    "wasmtime-wasi preview 1, synchronous; the container's working directory preopened, \
                     for writing too, and the container's environment: the container is the fence, as \
                     it is for a native program"
                        .to_owned(),
                );
            }
        }
        if let Some(daemon) = daemon {
            say("socket", daemon.ctr.socket.display().to_string());
        }
        ledger
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::conformance;

    use super::*;

    #[test]
    fn the_stated_versions_are_the_locked_ones() {
        let lock = include_str!("../Cargo.lock");
        for (name, version) in [
            ("wasmtime", WASMTIME_VERSION),
            ("containerd-shim-wasm", LIBRARY_VERSION),
        ] {
            let locked = format!("name = \"{name}\"\nversion = \"{version}\"");
            assert!(lock.contains(&locked), "Cargo.lock has another {name}");
        }
    }

    #[test]
    fn the_targets_are_those_of_the_table_in_its_order() {
        let table = include_str!("../../../targets.toml");
        conformance::assert_in_order(table, ALL.iter().map(|target| target.id));
    }

    #[test]
    fn without_a_daemon_every_target_says_why_and_what_brings_one() {
        for target in ALL {
            let told = target.availability(&Err(Absent {
                reason: "no ctr is on PATH".to_owned(),
                remedy: "bench setup containerd",
            }));
            let expected = Availability::Unavailable {
                reason: "no ctr is on PATH".to_owned(),
                remedy: "bench setup containerd".to_owned(),
            };
            assert_eq!(told, expected, "{}", target.id);
        }
    }
}
