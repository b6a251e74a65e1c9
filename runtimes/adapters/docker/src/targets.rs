//! The configurations, a row each: everything else about them is the same code.

use std::fs;

use bollard::models::HostConfig;
use plimsoll_adapter::record::Step;

/// One target: a container configuration of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Configuration {
    /// The target's id.
    pub id: &'static str,
    /// Which OCI runtime makes the container.
    pub runtime: Runtime,
    /// What a container is connected to.
    pub network: Network,
    /// What the image holds beside the program and its input.
    pub under: Under,
    /// How much memory a container may have.
    pub memory: MemoryLimit,
    /// The steps that it is measured by.
    pub steps: &'static [Step],
}

/// Everything, the guest's own work too.
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
/// All but that: what a container is connected to is nothing to a program that computes, and
/// nothing is measured twice under two names.
const STARTS: &[Step] = &[
    Step::Process,
    Step::Deploy,
    Step::Processes,
    Step::Idle,
    Step::Peak,
    Step::Size,
];
/// And what can be asked over a network.
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

/// What a container is connected to. It decides more of a start than anything else: making a
/// network namespace costs most of it (our own trials with Docker 20.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// What `docker run` gives when it is not told: a bridge, with an interface of its own.
    Default,
    /// The host's network namespace: nothing is made.
    Host,
    /// A namespace of its own with a loopback interface alone.
    None,
}

/// What lies under the program in its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// Nothing: `FROM scratch`.
    Nothing,
    /// Debian's smallest installation, as most images have a distribution.
    Debian,
}

/// How much memory a container may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// What `docker run` gives when it is not told: no limit.
    Unlimited,
    /// Bytes, without swap. No target uses it; what an out-of-memory kill looks like is tested
    /// with it.
    Bytes(i64),
}

/// An OCI runtime. Every target names its own, whatever the engine's default is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// Docker's own.
    Runc,
    /// The one in C.
    Crun,
    /// The one in Rust.
    Youki,
}

impl Runtime {
    /// The name that it is registered under with the engine.
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Runc => "runc",
            Runtime::Crun => "crun",
            Runtime::Youki => "youki",
        }
    }

    /// The command that gives it to an engine that has it not.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Runtime::Runc => "sudo apt-get install runc, then restart the engine",
            Runtime::Crun => "scripts/docker-engine crun",
            Runtime::Youki => "bench setup youki",
        }
    }
}

/// Every target: Docker's defaults first, then what departs from them.
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

/// The image's part: what is loaded, kept and sent, and what a start makes of it.
const IMAGES_SHARE: &[Step] = &[
    Step::Process,
    Step::Deploy,
    Step::Idle,
    Step::Peak,
    Step::Size,
];

/// The runtime's part: it makes the container, and is gone or waits while the program runs.
const RUNTIMES_SHARE: &[Step] = &[
    Step::Process,
    Step::Deploy,
    Step::Processes,
    Step::Idle,
    Step::Peak,
];

impl Configuration {
    /// A configuration that departs from `docker run`'s defaults in its network alone.
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

    /// The row with this id.
    pub fn find(id: &str) -> Option<&'static Configuration> {
        ALL.iter().find(|configuration| configuration.id == id)
    }

    /// The part of a create request that makes the difference.
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

/// The processors that this process is kept to, if they are not all: whoever keeps the adapter to
/// some means the containers.
fn own_processors() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mut lines = status.lines();
    let own = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let online = fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    (own.trim() != online.trim()).then(|| own.trim().to_owned())
}

impl Network {
    /// The word of the API for it; `default` is what the `docker` command sends.
    pub(crate) fn mode(self) -> &'static str {
        match self {
            Network::Default => "default",
            Network::Host => "host",
            Network::None => "none",
        }
    }

    /// What the ledger says of it.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Network::Default => "bridge, Docker's default",
            Network::Host => "host: the container shares the host's network namespace",
            Network::None => "none: a namespace with a loopback interface alone",
        }
    }
}
