//! Limits for a container with a hostile guest.

use std::time::Duration;

use bollard::models::{HostConfig, ResourcesUlimits};
use plimsoll_adapter::record::Limit;

/// Maximum processes and threads, for guests that start them endlessly.
const TASKS: i64 = 512;
/// Maximum CPU time in seconds: the kernel's last resort if all supervisors are gone.
const PROCESSOR_SECONDS: i64 = 60;
/// Limits that apply to every hostile guest.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// The limits that the request demands.
    pub(crate) limits: &'a [Limit],
    /// Memory limit in bytes if `limits` has none.
    pub(crate) memory_bytes: u64,
    /// Time limit of the container.
    pub(crate) patience: Duration,
}

impl Bounds<'_> {
    /// Adds these limits to `host`.
    pub(crate) fn set(&self, host: HostConfig) -> HostConfig {
        let memory = i64::try_from(self.memory_bytes).unwrap_or(i64::MAX);
        let mut host = HostConfig {
            memory: Some(memory),
            memory_swap: Some(memory),
            pids_limit: Some(TASKS),
            ulimits: Some(vec![ResourcesUlimits {
                name: Some("cpu".to_owned()),
                soft: Some(PROCESSOR_SECONDS),
                hard: Some(PROCESSOR_SECONDS),
            }]),
            ..host
        };
        for limit in self.limits {
            match *limit {
                Limit::Memory { bytes } => {
                    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
                    host.memory = Some(bytes);
                    host.memory_swap = Some(bytes);
                }
                Limit::Tasks { most } => host.pids_limit = Some(i64::from(most)),
                Limit::NoWriting => host.readonly_rootfs = Some(true),
                Limit::NoNetwork => host.network_mode = Some("none".to_owned()),
                Limit::Time { .. } => {}
            }
        }
        host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_asked_for_is_set_beside_the_bounds_of_every_probe() {
        let bounds = |limits| Bounds {
            limits,
            memory_bytes: 1 << 30,
            patience: Duration::from_secs(1),
        };
        let host = bounds(&[]).set(HostConfig::default());
        assert_eq!((host.memory, host.pids_limit), (Some(1 << 30), Some(TASKS)));
        assert_eq!((host.readonly_rootfs, host.network_mode), (None, None));
        let limits = [
            Limit::Memory { bytes: 64 << 20 },
            Limit::Tasks { most: 24 },
            Limit::NoWriting,
            Limit::NoNetwork,
        ];
        let host = bounds(&limits).set(HostConfig::default());
        assert_eq!((host.memory, host.pids_limit), (Some(64 << 20), Some(24)));
        assert_eq!(host.readonly_rootfs, Some(true));
        assert_eq!(host.network_mode.as_deref(), Some("none"));
    }
}
