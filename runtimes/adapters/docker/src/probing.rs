//! Runs a hostile guest in a container, under limits.

use plimsoll_adapter::protocol::{End, Probe, Probed};
use plimsoll_adapter::record::Limit;
use plimsoll_adapter::{Error, Probing};

use crate::adapter::{Session, usable};
use crate::bounds::Bounds;
use crate::container::{self, Plan, Ran};
use crate::failure::Failure;

const SIGNALLED: i32 = 128;

impl Session {
    /// Runs one container with a hostile guest.
    pub(crate) fn probe(&mut self, request: &Probe) -> Result<Probing, Error> {
        let timed = |limit: &&Limit| matches!(limit, Limit::Time { .. });
        if let Some(limit) = request.limits.iter().find(timed) {
            return Err(Error::Unsupported(format!(
                "an engine of containers does not end one after {limit}"
            )));
        }
        self.reap();
        let configuration = self.configuration(&request.target)?;
        let image = self.image(configuration.under, &request.workload, &request.scratch)?;
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
    use std::time::Duration;

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
