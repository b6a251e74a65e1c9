//! Where the engine's socket is, and why it cannot be used.

use std::env;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bollard::models::{SystemInfo, SystemVersion};
use bollard::{API_DEFAULT_VERSION, Docker};
use plimsoll_adapter::protocol::Availability;

use crate::failure::{Failure, SAY, bounded};
use crate::targets::Runtime;

/// The oldest API with what is used here: waiting for a container's *next* exit came with 1.30
/// (Docker 17.06; version history of the Engine API).
const OLDEST_API: (u32, u32) = (1, 30);

/// Where Docker listens when it was not told otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An engine that answered.
#[derive(Debug)]
pub struct Engine {
    /// The client.
    pub docker: Docker,
    /// Where it listens.
    pub socket: PathBuf,
    /// What it says of its parts.
    pub version: SystemVersion,
    /// What it says of its configuration.
    pub info: SystemInfo,
}

/// Why no engine can be used. Each has its own remedy.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// DOCKER_HOST names something that is no unix socket.
    #[error("DOCKER_HOST is {0:?}, which is no unix socket; a network would be measured with it")]
    NotLocal(String),
    /// No socket.
    #[error("Docker is not running: there is no socket {}", .0.display())]
    NoSocket(PathBuf),
    /// A socket that this user may not use.
    #[error("this user may not use Docker's socket {}", .0.display())]
    NotPermitted(PathBuf),
    /// A socket left by an engine that is gone.
    #[error("Docker is not running: nobody listens on {}", .0.display())]
    NobodyListens(PathBuf),
    /// Another error of the socket.
    #[error("connecting to {}: {}", .0.display(), .1)]
    Socket(PathBuf, io::Error),
    /// It listens and does not answer.
    #[error("the Docker engine on {} does not answer: {failure}", socket.display())]
    Silent {
        /// Where it listens.
        socket: PathBuf,
        /// What was tried and for how long.
        failure: Failure,
    },
    /// It answers with an error.
    #[error("the Docker engine on {} answers with an error: {message} (HTTP {status})", socket.display())]
    Error {
        /// Where it listens.
        socket: PathBuf,
        /// The API's status code.
        status: u16,
        /// Its words.
        message: String,
    },
    /// It is older than what is needed here.
    #[error(
        "the Docker engine {version} speaks API {api}; at least {}.{} is needed",
        OLDEST_API.0, OLDEST_API.1
    )]
    TooOld {
        /// The engine's version.
        version: String,
        /// Its newest API.
        api: String,
    },
    /// It runs containers of another system.
    #[error("the Docker engine runs {0} containers; the workloads are Linux programs")]
    NotLinux(String),
    /// It has no runtime of the name that the targets name.
    #[error(
        "the Docker engine has no runtime {}; it has {has}",
        runtime.name()
    )]
    NoRuntime {
        /// What it lacks.
        runtime: Runtime,
        /// The runtimes that it has.
        has: String,
    },
    /// It has no image of a distribution.
    #[error("the Docker engine has no Debian image with its archive")]
    NoBase,
    /// It has one of another archive than the one that is kept.
    #[error("the Docker engine's Debian image is not that of the archive {}", .0.display())]
    OtherBase(PathBuf),
    /// It does not say whether it has one.
    #[error("{0}")]
    BaseUnknown(Failure),
    /// The client could not be set up.
    #[error("setting up the Docker client: {0}")]
    Client(String),
}

impl Unusable {
    /// The command, or the words, that change it.
    pub fn remedy(&self) -> String {
        match self {
            Unusable::NotLocal(_) => "unset DOCKER_HOST, or set it to unix:///path/to/docker.sock",
            Unusable::NoSocket(_) | Unusable::NobodyListens(_) => "scripts/docker-engine start",
            Unusable::NotPermitted(_) => "sudo usermod -aG docker $USER, then log in again",
            Unusable::NoBase | Unusable::OtherBase(_) => "bench setup docker-debian",
            Unusable::BaseUnknown(_)
            | Unusable::Socket(..)
            | Unusable::Silent { .. }
            | Unusable::Error { .. } => {
                "scripts/docker-engine status, then restart the engine (sudo systemctl restart \
                 docker)"
            }
            Unusable::TooOld { .. } => "install Docker 20.10 or newer",
            Unusable::NotLinux(_) => "switch Docker to Linux containers",
            Unusable::NoRuntime { runtime, .. } => runtime.remedy(),
            Unusable::Client(_) => "try again; if it stays, report it with this message",
        }
        .to_owned()
    }

    /// As the protocol says it.
    pub fn availability(&self) -> Availability {
        Availability::Unavailable {
            reason: self.to_string(),
            remedy: self.remedy(),
        }
    }
}

/// The sockets to try, in order.
///
/// # Errors
///
/// When `DOCKER_HOST` names something that is no unix socket.
pub fn sockets(
    docker_host: Option<OsString>,
    runtime_dir: Option<OsString>,
) -> Result<Vec<PathBuf>, Unusable> {
    if let Some(host) = docker_host.filter(|host| !host.is_empty()) {
        let host = host.to_string_lossy().into_owned();
        return match host.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => Ok(vec![path.into()]),
            _ => Err(Unusable::NotLocal(host)),
        };
    }
    let mut sockets = vec![PathBuf::from(DEFAULT_SOCKET)];
    // Rootless Docker listens in the user's own folder.
    sockets.extend(runtime_dir.map(|dir| Path::new(&dir).join("docker.sock")));
    Ok(sockets)
}

impl Engine {
    /// Whether it has an OCI runtime.
    ///
    /// # Errors
    ///
    /// Says which it has, where it has not this one.
    pub fn has(&self, runtime: Runtime) -> Result<(), Unusable> {
        has(&self.info, runtime)
    }

    /// What an OCI runtime says of its version, where the engine says which program it is.
    pub(crate) fn runtime_version(&self, runtime: Runtime) -> Option<String> {
        let registered = self.info.runtimes.as_ref()?.get(runtime.name())?;
        let asked = Command::new(registered.path.as_ref()?)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&asked.stdout);
        said.lines().next().map(str::to_owned)
    }

    /// Connects to the engine that the environment names.
    ///
    /// # Errors
    ///
    /// Says why there is none to be used; of several sockets, why not the first.
    pub async fn from_environment() -> Result<Self, Unusable> {
        let mut first = None;
        for socket in sockets(env::var_os("DOCKER_HOST"), env::var_os("XDG_RUNTIME_DIR"))? {
            match reachable(&socket) {
                Ok(()) => return Engine::at(&socket).await,
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| Unusable::NoSocket(DEFAULT_SOCKET.into())))
    }

    /// Connects to the engine that listens on this socket.
    ///
    /// # Errors
    ///
    /// Says why it cannot be used.
    pub async fn at(socket: &Path) -> Result<Self, Unusable> {
        reachable(socket)?;
        // The limits that matter are ours, one a request; the client's own must only be longer.
        let timeout = 2 * crate::failure::RUN.as_secs();
        let docker =
            Docker::connect_with_unix(&socket.to_string_lossy(), timeout, API_DEFAULT_VERSION)
                .map_err(|error| Unusable::Client(error.to_string()))?;
        let unusable = |failure| match failure {
            Failure::Refused {
                status, message, ..
            } => Unusable::Error {
                socket: socket.to_owned(),
                status,
                message,
            },
            failure => Unusable::Silent {
                socket: socket.to_owned(),
                failure,
            },
        };
        let docker = bounded("asking for its version", SAY, docker.negotiate_version())
            .await
            .map_err(unusable)?;
        let version = bounded("asking for its version", SAY, docker.version())
            .await
            .map_err(unusable)?;
        let info = bounded("asking for its configuration", SAY, docker.info())
            .await
            .map_err(unusable)?;
        check(&version, &info)?;
        Ok(Engine {
            docker,
            socket: socket.to_owned(),
            version,
            info,
        })
    }
}

/// Whether the socket is there and accepts this user.
fn reachable(socket: &Path) -> Result<(), Unusable> {
    let path = socket.to_owned();
    match UnixStream::connect(socket) {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            ErrorKind::NotFound => Unusable::NoSocket(path),
            ErrorKind::PermissionDenied => Unusable::NotPermitted(path),
            ErrorKind::ConnectionRefused => Unusable::NobodyListens(path),
            _ => Unusable::Socket(path, error),
        }),
    }
}

/// Whether an engine that says this of itself can do what is asked of it here.
fn check(version: &SystemVersion, info: &SystemInfo) -> Result<(), Unusable> {
    let api = version.api_version.clone().unwrap_or_default();
    let number = api
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    if number.is_none_or(|number: (u32, u32)| number < OLDEST_API) {
        return Err(Unusable::TooOld {
            version: version.version.clone().unwrap_or_default(),
            api,
        });
    }
    match info.os_type.as_deref() {
        None | Some("linux") => {}
        Some(other) => return Err(Unusable::NotLinux(other.to_owned())),
    }
    Ok(())
}

/// Whether an engine that says this of itself has an OCI runtime.
fn has(info: &SystemInfo, runtime: Runtime) -> Result<(), Unusable> {
    match &info.runtimes {
        Some(runtimes) if !runtimes.contains_key(runtime.name()) => {
            let mut names: Vec<_> = runtimes.keys().map(String::as_str).collect();
            names.sort_unstable();
            Err(Unusable::NoRuntime {
                runtime,
                has: names.join(", "),
            })
        }
        _ => Ok(()),
    }
}

/// Whether the engine has forgotten an image that it had.
pub(crate) fn is_missing(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused { status: 404, .. })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bollard::models;

    use super::*;

    fn engine(api: &str) -> (SystemVersion, SystemInfo) {
        let version = SystemVersion {
            version: Some("17.03".to_owned()),
            api_version: Some(api.to_owned()),
            ..SystemVersion::default()
        };
        (version, SystemInfo::default())
    }

    #[test]
    fn docker_host_comes_before_every_socket_and_must_be_one() {
        let given = sockets(
            Some("unix:///run/mine.sock".into()),
            Some("/run/user/7".into()),
        );
        assert_eq!(given.ok(), Some(vec!["/run/mine.sock".into()]));
        for host in ["tcp://10.0.0.1:2375", "ssh://me@there", "unix://relative"] {
            let refused = sockets(Some(host.into()), None);
            assert!(matches!(refused, Err(Unusable::NotLocal(_))), "{host}");
        }
    }

    #[test]
    fn without_docker_host_the_system_engine_is_tried_before_a_rootless_one() {
        let given = sockets(Some("".into()), Some("/run/user/7".into()));
        assert_eq!(
            given.ok(),
            Some(vec![
                DEFAULT_SOCKET.into(),
                "/run/user/7/docker.sock".into()
            ])
        );
    }

    #[test]
    fn an_engine_without_waiting_for_the_next_exit_is_too_old() {
        let (version, info) = engine("1.29");
        let Err(unusable) = check(&version, &info) else {
            panic!("API 1.29 passed");
        };
        assert_eq!(
            unusable.to_string(),
            "the Docker engine 17.03 speaks API 1.29; at least 1.30 is needed"
        );
        let (version, info) = engine("1.30");
        assert!(check(&version, &info).is_ok());
        let (version, info) = engine("2.0");
        assert!(check(&version, &info).is_ok());
    }

    #[test]
    fn an_engine_without_runc_names_what_it_has() {
        let (version, mut info) = engine("1.41");
        info.runtimes = Some(HashMap::from([(
            "crun".to_owned(),
            models::Runtime::default(),
        )]));
        assert!(check(&version, &info).is_ok() && has(&info, Runtime::Crun).is_ok());
        let Err(unusable) = has(&info, Runtime::Runc) else {
            panic!("an engine without runc passed");
        };
        assert!(unusable.to_string().ends_with("it has crun"), "{unusable}");
    }

    #[test]
    fn each_reason_to_have_no_socket_has_its_own_words() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let missing = folder.path().join("missing.sock");
        assert!(matches!(reachable(&missing), Err(Unusable::NoSocket(_))));

        let stale = folder.path().join("stale.sock");
        drop(std::os::unix::net::UnixListener::bind(&stale)?);
        assert!(matches!(reachable(&stale), Err(Unusable::NobodyListens(_))));

        let not_a_socket = folder.path().join("file");
        std::fs::write(&not_a_socket, "")?;
        assert!(reachable(&not_a_socket).is_err());
        Ok(())
    }
}
