//! The targets, each a runtime, a network and a kind of guest, and their fairness ledgers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_adapter::protocol::Workload;
use plimsoll_adapter::record::Step;
use plimsoll_adapter::record::run::TargetKind;

use crate::bundle;
use crate::runtime::{Program, Runtime};

/// A target of this adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Configuration {
    pub(crate) id: &'static str,
    pub(crate) runtime: Runtime,
    pub(crate) network: Network,
    pub(crate) guest: Guest,
}

/// Network of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// A new namespace with only a loopback interface, as in the output of `runc spec` and in Docker's network none.
    None,
    /// The host's network namespace; nothing is created.
    Host,
}

/// Kind of guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guest {
    /// The static native binary.
    Native,
    /// The `.wasm`, run by an engine in the runtime: annotation `run.oci.handler`.
    Wasm,
}

const NONE: Network = Network::None;

/// All targets, in the order of runtimes/targets.toml.
pub(crate) const ALL: [Configuration; 9] = [
    Configuration::native("oci/embedded", Runtime::Embedded, NONE),
    Configuration::native("oci/embedded+host-net", Runtime::Embedded, Network::Host),
    Configuration::native("oci/runc", Runtime::Runc, NONE),
    Configuration::native("oci/runc+host-net", Runtime::Runc, Network::Host),
    Configuration::native("oci/crun", Runtime::Crun, NONE),
    Configuration::native("oci/crun+host-net", Runtime::Crun, Network::Host),
    Configuration::native("oci/youki", Runtime::Youki, NONE),
    Configuration {
        guest: Guest::Wasm,
        ..Configuration::native("oci/youki+wasm", Runtime::Youki, NONE)
    },
    Configuration::native("oci/runsc", Runtime::Runsc, NONE),
];

impl Guest {
    pub(crate) fn kind(self) -> TargetKind {
        match self {
            Guest::Native => TargetKind::Container,
            Guest::Wasm => TargetKind::Wasm,
        }
    }

    /// The guest's program in the container; `None` if it runs in the runtime's own process.
    pub(crate) fn program(self, workload: &Workload) -> Option<PathBuf> {
        match self {
            Guest::Native => Some(bundle::program(self, workload).into()),
            Guest::Wasm => None,
        }
    }
}

impl Configuration {
    /// The steps that `bench` does with the command line. Image sizes are measured on the container engines' targets.
    pub(crate) fn steps(&self) -> &'static [Step] {
        match (self.guest, self.runtime) {
            (Guest::Wasm, _) => &[Step::Process, Step::Deploy],
            // It traces its guest with ptrace itself, so that its peak cannot be measured.
            (Guest::Native, Runtime::Runsc) => {
                &[Step::Process, Step::Deploy, Step::Processes, Step::Idle]
            }
            (Guest::Native, _) => &[
                Step::Process,
                Step::Deploy,
                Step::Processes,
                Step::Idle,
                Step::Peak,
                Step::Beside,
                Step::BesideLimited,
            ],
        }
    }

    const fn native(id: &'static str, runtime: Runtime, network: Network) -> Self {
        Configuration {
            id,
            runtime,
            network,
            guest: Guest::Native,
        }
    }

    /// The fairness ledger.
    pub(crate) fn ledger(&self, program: Option<&Program>) -> BTreeMap<String, String> {
        let name = self.runtime.name();
        let mut ledger: BTreeMap<String, String> = [
            (
                "bundle",
                match self.guest {
                    Guest::Native => {
                        "the static native binary and the input folder, nothing else, as in the \
                         docker targets' image; a folder that all starts of a pair share, where an \
                         engine makes a layer for each"
                    }
                    Guest::Wasm => "the .wasm, nothing else; a folder that all starts of a pair share",
                },
            ),
            (
                "network",
                match self.network {
                    Network::None => "none: a namespace with a loopback interface alone",
                    Network::Host => "host: the container shares the host's network namespace",
                },
            ),
            (
                "namespaces",
                "mount, pid, ipc, uts, and network as said; no user namespace, as Docker's default",
            ),
            (
                "security",
                "Docker's default capabilities, masked and read-only paths; no seccomp filter and no \
                 AppArmor profile, which Docker sets and pays for: in this runtime's favour",
            ),
            (
                "mounts",
                "proc, tmpfs on /dev, devpts, mqueue, shm, sysfs read-only; no control groups, no \
                 resolv.conf, hostname and hosts, which Docker mounts, too: in this runtime's favour",
            ),
            (
                "working directory",
                match self.guest {
                    Guest::Native => {
                        "a copy of the input folder, in the bundle, read-only as the whole root is; a workload's own folder \
                         to write, mounted"
                    }
                    Guest::Wasm => "none is granted",
                },
            ),
            ("environment", "PATH, and what the workload is granted"),
            (
                "memory and cpu limits",
                "none while it is measured; a control group of its own in every hierarchy. Suite sandbox: \
                 the bundle asks for its control groups' limits of memory and of tasks, and for the kernel's of \
                 processor time; no runtime has one of time",
            ),
            (
                "supervision",
                "in the foreground: the runtime's process passes the output on and waits for the \
                 guest, and is counted in memory; an engine has a shim in its place",
            ),
            ("daemon", "none"),
            (
                "clock",
                "L3, L4: a process like any other, from spawning the runtime to the first byte and to \
                 its exit, by when the container is removed, which is L5, too; L6: the bundle is copied first",
            ),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
        if self.guest == Guest::Wasm {
            let text = "Wasmtime as linked into youki, compiling the .wasm at every start; chosen by \
                        the annotation run.oci.handler=wasm";
            ledger.insert("engine".to_owned(), text.to_owned());
        }
        if self.runtime == Runtime::Youki {
            let text = "by env --block-signal=CHLD, which replaces itself by youki: without it youki misses the \
                        end of a guest that is quicker than itself, and hangs. The guest has the signal \
                        blocked, too; env's own start is in the clock";
            ledger.insert("started".to_owned(), text.to_owned());
        }
        if self.runtime == Runtime::Embedded {
            let text = "libcontainer 0.7.0, the library of youki, linked into oci-embedded, which comes with bench: \
                        it creates the container, starts it, waits for the guest and removes it in one process. \
                        runc and crun read the same bundle. Docker does more: a daemon and a shim, a layer of \
                        overlayfs per container, a seccomp filter, an AppArmor profile, logs and events";
            ledger.insert("started".to_owned(), text.to_owned());
            let text = "made by root: as said. Made by an ordinary user: also a user namespace, in which that user \
                        is root and alone; no control groups, so no limits; no access rules for devices";
            ledger.insert("user".to_owned(), text.to_owned());
        }
        if self.runtime == Runtime::Runsc {
            let text = "gVisor's own, in user space: the guest's system calls are stopped by ptrace, the \
                        platform that every machine has, and answered there; another platform is faster \
                        at them. It mounts and filters by rules of its own";
            ledger.insert("kernel".to_owned(), text.to_owned());
        }
        if let Some(program) = program {
            let version = format!("{name} {}", program.version);
            ledger.insert("oci runtime".to_owned(), version);
            ledger.insert("program".to_owned(), program.path.display().to_string());
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
