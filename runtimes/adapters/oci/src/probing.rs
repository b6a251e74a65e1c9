//! Runs a hostile guest in a container under limits, until it exits or a timeout.
//!
//! Nothing here is timed.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use plimsoll_adapter::Error;
use plimsoll_adapter::cgroup::killed_for_memory;
use plimsoll_adapter::protocol::{End, Launch, Probe, Probed};
use plimsoll_adapter::record::Limit;
use serde_json::{Value, json};

use crate::runtime::Runtime;

/// Maximum processes and threads, for guests that start them endlessly.
const TASKS: u32 = 512;
/// Maximum CPU time in seconds: the kernel's last resort if all supervisors are gone.
const PROCESSOR_SECONDS: u64 = 60;
/// Polling interval for its exit.
const LOOK: Duration = Duration::from_millis(5);
/// Time limit for removing a container.
const REMOVE: Duration = Duration::from_secs(10);
/// Maximum bytes to keep of each stream.
const KEPT: usize = 64 << 10;
/// Added to the number of the signal that killed a guest.
const SIGNALLED: i32 = 128;
const SIGKILL: i32 = 9;
/// Largest signal number.
const LAST_SIGNAL: i32 = 64;

/// Limits of a container: the defaults of every probe and those requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    memory_bytes: u64,
    tasks: u32,
    network: Network,
}

/// Network of a hostile guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    /// The target's network.
    OfTheTarget,
    /// No network.
    None,
}

impl Limits {
    /// The limits of a request.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a limit that the runtime does not have.
    pub(crate) fn of(request: &Probe, runtime: Runtime) -> Result<Self, Error> {
        let mut limits = Limits {
            memory_bytes: request.memory_bytes,
            tasks: TASKS,
            network: Network::OfTheTarget,
        };
        for limit in &request.limits {
            match *limit {
                Limit::Memory { bytes } => limits.memory_bytes = bytes,
                Limit::Tasks { .. } if runtime == Runtime::Runsc => {
                    let why = "a control group counts the threads of gVisor's own kernel, too, which \
                               need more than a guest may have";
                    return Err(Error::Unsupported(why.to_owned()));
                }
                Limit::Tasks { most } => limits.tasks = most,
                // The root of every bundle is read-only.
                Limit::NoWriting => {}
                Limit::NoNetwork => limits.network = Network::None,
                Limit::Time { .. } => {
                    return Err(Error::Unsupported(format!(
                        "an OCI runtime does not end a container after {limit}"
                    )));
                }
            }
        }
        Ok(limits)
    }

    /// Adds the limits to a bundle's configuration.
    pub(crate) fn set(&self, configuration: &mut Value) {
        let resources = &mut configuration["linux"]["resources"];
        // The limit includes swap, so that memory cannot grow elsewhere.
        resources["memory"] = json!({ "limit": self.memory_bytes, "swap": self.memory_bytes });
        resources["pids"] = json!({ "limit": self.tasks });
        configuration["process"]["rlimits"] = json!([
            { "type": "RLIMIT_CPU", "soft": PROCESSOR_SECONDS, "hard": PROCESSOR_SECONDS }
        ]);
        let namespaces = configuration["linux"]["namespaces"].as_array_mut();
        if let (Network::None, Some(namespaces)) = (self.network, namespaces) {
            let own = json!({ "type": "network" });
            if !namespaces.contains(&own) {
                namespaces.push(own);
            }
        }
    }
}

/// Runs a container of `launch` for at most `patience` and removes it.
///
/// # Errors
///
/// If it cannot be started or removed.
pub(crate) fn run(launch: &Launch, patience: Duration) -> Result<Probed, Error> {
    let launch = launch
        .named()
        .map_err(|error| Error::failed("naming a container", error))?;
    let failed =
        |error: io::Error| Error::failed(format!("running {}", launch.program.display()), error);
    let killed = killed_for_memory();
    let mut child = command(&launch, &launch.args).spawn().map_err(failed)?;
    let (stdout, stderr) = (kept(child.stdout.take()), kept(child.stderr.take()));
    let status = ended(&mut child, patience).map_err(failed)?;
    if status.is_none() {
        remove(&launch)?;
        // Its guest was removed, so it is about to exit.
        if ended(&mut child, REMOVE).map_err(failed)?.is_none() {
            child.kill().and_then(|()| child.wait()).map_err(failed)?;
        }
    }
    let (stdout, stderr) = (text(stdout), text(stderr));
    let end = match status.map(|status| status.code()) {
        // Without output, the guest may never have started.
        None if stdout.is_empty() => {
            return Err(Error::Failed(format!(
                "nothing came of the container in {patience:?}: it may be the runtime that hangs"
            )));
        }
        None => End::StillRunning,
        Some(code) => how(code, killed.is_some() && killed_for_memory() > killed)
            .ok_or_else(|| Error::Failed(format!("the runtime was killed: {}", stderr.trim())))?,
    };
    // The runtime removes a container when it exits, unless that failed.
    if status.is_some_and(|status| !status.success()) {
        let _ = remove(&launch);
    }
    Ok(Probed {
        end,
        stdout,
        stderr,
    })
}

/// How the guest ended, from the runtime's exit code.
fn how(code: Option<i32>, for_memory: bool) -> Option<End> {
    let code = code?;
    let signal = code - SIGNALLED;
    Some(match signal {
        SIGKILL if for_memory => End::OutOfMemory,
        // youki returns the bare signal number, which looks like any other exit code.
        _ if for_memory && code == SIGKILL => End::OutOfMemory,
        1..=LAST_SIGNAL => End::Killed { signal },
        _ => End::Exited { code },
    })
}

fn command(launch: &Launch, args: &[String]) -> Command {
    let mut command = Command::new(&launch.program);
    command
        .args(args)
        .env_clear()
        .envs(&launch.env)
        .current_dir(&launch.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Waits for its exit, at most `most`.
fn ended(child: &mut Child, most: Duration) -> io::Result<Option<std::process::ExitStatus>> {
    let begun = Instant::now();
    loop {
        let status = child.try_wait()?;
        if status.is_some() || begun.elapsed() >= most {
            return Ok(status);
        }
        thread::sleep(LOOK);
    }
}

fn remove(launch: &Launch) -> Result<(), Error> {
    let Some(container) = &launch.container else {
        return Ok(());
    };
    let tried = format!("removing the container {}", container.name);
    let mut child = command(launch, &container.remove)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| Error::failed(tried.clone(), error))?;
    let ended = ended(&mut child, REMOVE).map_err(|error| Error::failed(tried.clone(), error))?;
    if ended.is_none() {
        let _ = child.kill().and_then(|()| child.wait());
        return Err(Error::Failed(format!("{tried}: not done after {REMOVE:?}")));
    }
    Ok(())
}

/// Keeps the beginning of a stream and discards the rest, so that the writer never blocks.
fn kept(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut kept = Vec::new();
        let Some(mut stream) = stream else {
            return kept;
        };
        let mut chunk = [0; 16 << 10];
        while let Ok(read @ 1..) = stream.read(&mut chunk) {
            let room = KEPT.saturating_sub(kept.len());
            kept.extend_from_slice(&chunk[..read.min(room)]);
        }
        kept
    })
}

fn text(stream: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&stream.join().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::protocol::{Grants, Workload};

    use super::*;

    fn request(limits: &[Limit]) -> Probe {
        Probe {
            target: "oci/runc".into(),
            workload: Workload {
                id: "loop".into(),
                wasm: "/nowhere/loop.wasm".into(),
                native: None,
                component: None,
                image: None,
                args: Vec::new(),
                input: None,
                grants: Grants::default(),
            },
            scratch: "/nowhere".into(),
            limits: limits.to_vec(),
            patience: Duration::from_secs(2).into(),
            memory_bytes: 1 << 30,
        }
    }

    fn set(limits: &[Limit]) -> Value {
        let mut configuration = json!({
            "process": {},
            "linux": { "namespaces": [{ "type": "pid" }], "resources": {} },
        });
        Limits::of(&request(limits), Runtime::Runc)
            .expect("they are there")
            .set(&mut configuration);
        configuration
    }

    #[test]
    fn a_limit_that_is_asked_for_is_set_and_every_probe_is_bounded_without() {
        let bare = set(&[]);
        assert_eq!(bare["linux"]["resources"]["memory"]["limit"], 1 << 30);
        assert_eq!(bare["linux"]["resources"]["pids"]["limit"], TASKS);
        assert_eq!(bare["process"]["rlimits"][0]["type"], "RLIMIT_CPU");
        assert_eq!(
            bare["linux"]["namespaces"].as_array().map(Vec::len),
            Some(1)
        );
        let held = set(&[
            Limit::Memory { bytes: 64 << 20 },
            Limit::Tasks { most: 24 },
            Limit::NoNetwork,
        ]);
        assert_eq!(held["linux"]["resources"]["memory"]["swap"], 64 << 20);
        assert_eq!(held["linux"]["resources"]["pids"]["limit"], 24);
        assert_eq!(held["linux"]["namespaces"][1]["type"], "network");
        let time = Limit::Time {
            nanoseconds: 500_000_000,
        };
        assert!(matches!(
            Limits::of(&request(&[time]), Runtime::Runc),
            Err(Error::Unsupported(_))
        ));
        let tasks = Limit::Tasks { most: 24 };
        assert!(Limits::of(&request(&[tasks]), Runtime::Runsc).is_err());
    }

    #[test]
    fn a_kill_is_for_memory_only_where_the_kernel_says_so() {
        assert_eq!(how(Some(137), true), Some(End::OutOfMemory));
        assert_eq!(how(Some(137), false), Some(End::Killed { signal: 9 }));
        assert_eq!(how(Some(139), true), Some(End::Killed { signal: 11 }));
        assert_eq!(how(Some(9), true), Some(End::OutOfMemory));
        assert_eq!(how(Some(9), false), Some(End::Exited { code: 9 }));
        assert_eq!(how(Some(1), true), Some(End::Exited { code: 1 }));
        assert_eq!(how(None, false), None);
    }
}
