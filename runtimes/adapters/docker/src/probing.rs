//! A hostile guest in a container, under limits.

use std::time::Duration;

use bollard::models::{HostConfig, ResourcesUlimits};
use plimsoll_adapter::protocol::{End, Probe, Probed};
use plimsoll_adapter::record::Limit;
use plimsoll_adapter::{Error, Probing};

use crate::adapter::{Session, usable};
use crate::container::{self, Plan, Ran};
use crate::failure::Failure;

/// Most processes and threads of a container whose guest starts them without end.
const TASKS: i64 = 512;
/// Most processor time of it, seconds: if everybody who would end it is gone, the kernel does.
const PROCESSOR_SECONDS: i64 = 60;
const SIGNALLED: i32 = 128;

/// What a guest that tries what it may not is held to, whatever the question.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    limits: &'a [Limit],
    memory_bytes: u64,
    /// How long the container is let go on.
    pub(crate) patience: Duration,
}

impl Bounds<'_> {
    /// `host` with these bounds, and with the limits that were asked for.
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

impl Session {
    /// One container whose guest tries what it may not.
    pub(crate) fn probe(&mut self, request: &Probe) -> Result<Probing, Error> {
        let timed = |limit: &&Limit| matches!(limit, Limit::Time { .. });
        if let Some(limit) = request.limits.iter().find(timed) {
            return Err(Error::Unsupported(format!(
                "an engine of containers does not end one after {limit}"
            )));
        }
        self.reap();
        let configuration = self.configuration(&request.target)?;
        let image = self.image(&request.workload, &request.scratch)?;
        let engine = usable(&self.engine)?;
        let bounds = Bounds {
            limits: &request.limits,
            memory_bytes: request.memory_bytes,
            patience: request.patience.into(),
        };
        let plan = Plan {
            bounds: Some(&bounds),
            ..self.plan(&image, &configuration, self.next_name())
        };
        let mut ending = self.ending.clone();
        let running = container::run(&engine.docker, plan, &mut ending);
        ended(self.runtime.block_on(running)).map(Probing::Ran)
    }
}

fn ended(ran: Result<Ran, Failure>) -> Result<Probed, Error> {
    let silent = |end, stderr| Probed {
        end,
        stdout: String::new(),
        stderr,
    };
    match ran {
        Ok(ran) => Ok(Probed {
            end: End::Exited {
                code: ran.exit_code,
            },
            stdout: String::from_utf8_lossy(&ran.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&ran.stderr).into_owned(),
        }),
        Err(Failure::OutOfMemory) => Ok(silent(End::OutOfMemory, String::new())),
        Err(Failure::Killed { status, stderr }) => Ok(silent(
            End::Killed {
                signal: status - SIGNALLED,
            },
            stderr,
        )),
        Err(Failure::Late {
            doing: container::RUNNING,
            ..
        }) => Ok(silent(End::StillRunning, String::new())),
        Err(failure) => Err(failure.into()),
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

    #[test]
    fn only_a_guest_that_was_waited_for_is_still_running() {
        let late = |doing| Failure::Late {
            doing,
            after: Duration::from_secs(2),
        };
        let probed = ended(Err(late(container::RUNNING))).expect("an end");
        assert_eq!(probed.end, End::StillRunning);
        assert!(ended(Err(late("creating the container"))).is_err());
    }
}
