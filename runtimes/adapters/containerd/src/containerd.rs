//! Finds containerd's socket, or explains why it cannot be used.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_adapter::protocol::Availability;

use crate::ctr::Ctr;

/// Time limit for the daemon's answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Default socket paths, after `CONTAINERD_ADDRESS`: first that of Docker's own containerd, which a manually started
/// Docker engine starts.
const SOCKETS: [&str; 2] = [
    "/var/run/docker/containerd/containerd.sock",
    "/run/containerd/containerd.sock",
];

/// A daemon that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Daemon {
    pub(crate) ctr: Ctr,
    /// The daemon's version.
    pub(crate) version: String,
}

/// Why containers are unavailable, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Absent {
    pub(crate) reason: String,
    pub(crate) remedy: &'static str,
}

impl Absent {
    /// For the reply to hello.
    pub(crate) fn availability(&self) -> Availability {
        Availability::Unavailable {
            reason: self.reason.clone(),
            remedy: self.remedy.to_owned(),
        }
    }
}

impl Daemon {
    /// The first daemon that answers.
    ///
    /// # Errors
    ///
    /// Why none is usable.
    pub(crate) fn find() -> Result<Self, Absent> {
        if !rustix::process::geteuid().is_root() {
            return Err(Absent {
                reason: "containerd's socket is root's".to_owned(),
                remedy: "run bench as root, for example by sudo",
            });
        }
        let program = on_path("ctr").ok_or_else(|| Absent {
            reason: "no ctr is on PATH".to_owned(),
            remedy: "bench setup containerd",
        })?;
        let named = env::var_os("CONTAINERD_ADDRESS").map(PathBuf::from);
        let sockets = named.into_iter().chain(SOCKETS.map(PathBuf::from));
        let mut why = Vec::new();
        for socket in sockets {
            let ctr = Ctr {
                program: program.clone(),
                socket,
            };
            match answers(&ctr) {
                Ok(version) => return Ok(Daemon { ctr, version }),
                Err(reason) => why.push(reason),
            }
        }
        Err(Absent {
            reason: why.join("; "),
            remedy: "scripts/docker-engine start",
        })
    }
}

fn answers(ctr: &Ctr) -> Result<String, String> {
    let socket = ctr.socket.display();
    if !ctr.socket.exists() {
        return Err(format!("there is no socket {socket}"));
    }
    let told = ctr
        .output(&["version"], PATIENCE)
        .map_err(|error| format!("nobody answers on {socket}: {error}"))?;
    server_version(&told)
        .ok_or_else(|| format!("who answers on {socket} says no version: {told:?}"))
}

/// The server's version in the output of `ctr version`, which lists the client's first.
fn server_version(told: &str) -> Option<String> {
    let (_, server) = told.split_once("Server:")?;
    let line = server
        .lines()
        .find_map(|line| line.trim().strip_prefix("Version:"))?;
    Some(line.trim().to_owned())
}

/// The first program with this name on PATH or in /usr/sbin, where Debian installs runc and which a user's PATH may
/// lack.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|program| {
            program
                .metadata()
                .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_version_is_not_the_clients() {
        let told = "Client:\n  Version:  1.6.20~ds1\n  Revision: a\n\nServer:\n  Version:  1.7.0\n  UUID: b\n";
        assert_eq!(server_version(told).as_deref(), Some("1.7.0"));
        assert_eq!(server_version("Client:\n  Version:  1.6.20\n"), None);
    }
}
