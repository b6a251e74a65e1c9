//! The configurations, one row each; they share all other code.

use std::fs;

use bollard::models::HostConfig;
use plimsoll_adapter::record::Step;

/// One target: a container configuration of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Configuration {
    /// The target's id, as in runtimes/targets.toml.
    pub id: &'static str,
    /// The OCI runtime that creates the container.
    pub runtime: Runtime,
    /// Network of the container.
    pub network: Network,
    /// The image's base below the program.
    pub under: Under,
    /// Memory limit of a container.
    pub memory: MemoryLimit,
    /// The steps that the target supports.
    pub steps: &'static [Step],
}

/// All steps, including the guest's own work.
const WHOLE: &[Step] = &[
    Step::Process,
    Step::Deploy,
    Step::Processes,
    Step::Idle,
    Step::Peak,
    Step::Size,
    Step::Execute,
    Step::Serve,
    Step::FirstResponse,
];
/// Start steps only: the network does not affect computation, and nothing is measured twice under two names.
const STARTS: &[Step] = &[
    Step::Process,
    Step::Deploy,
    Step::Processes,
    Step::Idle,
    Step::Peak,
    Step::Size,
];
/// Start steps and serving steps.
const STARTS_AND_SERVES: &[Step] = &[
    Step::Process,
    Step::Deploy,
    Step::Processes,
    Step::Idle,
    Step::Peak,
    Step::Size,
    Step::Serve,
    Step::FirstResponse,
];

/// Network of a container. It affects a start more than anything else: creating a network namespace is most of its cost
/// (our own trials with Docker 20.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The default of `docker run`: a bridge, with its own interface.
    Default,
    /// The host's network namespace; nothing is created.
    Host,
    /// A new namespace with only a loopback interface.
    None,
}

/// An image's base below the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// Empty: `FROM scratch`.
    Nothing,
    /// Debian's minimal installation; most images have a distribution.
    Debian,
}

/// Memory limit of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// The default of `docker run`: no limit.
    Unlimited,
    /// Limit in bytes, without swap. Not used by targets; for testing out-of-memory kills.
    Bytes(i64),
}

/// An OCI runtime. Every target names its own, whatever the engine's default is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// Docker's own.
    Runc,
    /// Written in C.
    Crun,
    /// Written in Rust.
    Youki,
}

impl Runtime {
    /// Name under which it is registered with the engine.
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Runc => "runc",
            Runtime::Crun => "crun",
            Runtime::Youki => "youki",
        }
    }

    /// The command that adds it to an engine.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Runtime::Runc => "sudo apt-get install runc, then restart the engine",
            Runtime::Crun => "scripts/docker-engine crun",
            Runtime::Youki => "bench setup youki",
        }
    }
}

/// All targets: Docker's defaults first, then the variants.
pub const ALL: [Configuration; 8] = [
    Configuration::new("docker/runc", Network::Default),
    Configuration::new("docker/runc+host-net", Network::Host),
    Configuration::new("docker/runc+no-net", Network::None),
    Configuration {
        runtime: Runtime::Crun,
        steps: RUNTIMES_SHARE,
        ..Configuration::new("docker/crun", Network::Default)
    },
    Configuration {
        runtime: Runtime::Crun,
        steps: RUNTIMES_SHARE,
        ..Configuration::new("docker/crun+host-net", Network::Host)
    },
    Configuration {
        runtime: Runtime::Crun,
        steps: RUNTIMES_SHARE,
        ..Configuration::new("docker/crun+no-net", Network::None)
    },
    Configuration {
        under: Under::Debian,
        steps: IMAGES_SHARE,
        ..Configuration::new("docker/runc+debian", Network::Default)
    },
    Configuration {
        runtime: Runtime::Youki,
        steps: RUNTIMES_SHARE,
        ..Configuration::new("docker/youki", Network::Default)
    },
];

/// Steps that depend on the image: loading, storing, sending and starting.
const IMAGES_SHARE: &[Step] = &[
    Step::Process,
    Step::Deploy,
    Step::Idle,
    Step::Peak,
    Step::Size,
];

/// Steps that depend on the runtime: it creates the container, and exits or waits while the program runs.
const RUNTIMES_SHARE: &[Step] = &[
    Step::Process,
    Step::Deploy,
    Step::Processes,
    Step::Idle,
    Step::Peak,
];

impl Configuration {
    /// A configuration that differs from the defaults of `docker run` only in its network.
    pub const fn new(id: &'static str, network: Network) -> Self {
        Configuration {
            id,
            runtime: Runtime::Runc,
            network,
            under: Under::Nothing,
            memory: MemoryLimit::Unlimited,
            steps: match network {
                Network::Default => WHOLE,
                Network::Host => STARTS_AND_SERVES,
                Network::None => STARTS,
            },
        }
    }

    /// The configuration with this id.
    pub fn find(id: &str) -> Option<&'static Configuration> {
        ALL.iter().find(|configuration| configuration.id == id)
    }

    /// The host configuration of the create request.
    pub(crate) fn host_config(&self) -> HostConfig {
        let memory = match self.memory {
            MemoryLimit::Unlimited => None,
            MemoryLimit::Bytes(bytes) => Some(bytes),
        };
        HostConfig {
            network_mode: Some(self.network.mode().to_owned()),
            runtime: Some(self.runtime.name().to_owned()),
            memory,
            memory_swap: memory,
            cpuset_cpus: own_processors(),
            ..HostConfig::default()
        }
    }
}

/// The CPUs that this process is pinned to, if not all; containers must use the same ones.
fn own_processors() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mut lines = status.lines();
    let own = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let online = fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    (own.trim() != online.trim()).then(|| own.trim().to_owned())
}

impl Network {
    /// The API's name; `default` is what the `docker` command sends.
    pub(crate) fn mode(self) -> &'static str {
        match self {
            Network::Default => "default",
            Network::Host => "host",
            Network::None => "none",
        }
    }

    /// Description for the fairness ledger.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Network::Default => "bridge, Docker's default",
            Network::Host => "host: the container shares the host's network namespace",
            Network::None => "none: a namespace with a loopback interface alone",
        }
    }
}
