//! Finds the engine's socket, or explains why it cannot be used.

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

/// Oldest supported API: waiting for a container's *next* exit was added in 1.30 (Docker 17.06; version history of the
/// Engine API).
const OLDEST_API: (u32, u32) = (1, 30);

/// Docker's default socket.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An engine that answered.
#[derive(Debug)]
pub struct Engine {
    /// Client for its API.
    pub docker: Docker,
    /// Path of its socket.
    pub socket: PathBuf,
    /// Versions of its components.
    pub version: SystemVersion,
    /// Its configuration.
    pub info: SystemInfo,
}

/// Why no engine is usable. Each reason has its own remedy.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// DOCKER_HOST is not a unix socket.
    #[error("DOCKER_HOST is {0:?}, which is no unix socket; a network would be measured with it")]
    NotLocal(String),
    /// The socket does not exist.
    #[error("Docker is not running: there is no socket {}", .0.display())]
    NoSocket(PathBuf),
    /// This user has no permission for the socket.
    #[error("this user may not use Docker's socket {}", .0.display())]
    NotPermitted(PathBuf),
    /// The socket was left by an engine that is gone.
    #[error("Docker is not running: nobody listens on {}", .0.display())]
    NobodyListens(PathBuf),
    /// Another socket error.
    #[error("connecting to {}: {}", .0.display(), .1)]
    Socket(PathBuf, io::Error),
    /// The engine accepts connections but does not answer.
    #[error("the Docker engine on {} does not answer: {failure}", socket.display())]
    Silent {
        /// Path of its socket.
        socket: PathBuf,
        /// The failed request and its time limit.
        failure: Failure,
    },
    /// The engine answered with an error.
    #[error("the Docker engine on {} answers with an error: {message} (HTTP {status})", socket.display())]
    Error {
        /// Path of its socket.
        socket: PathBuf,
        /// HTTP status code.
        status: u16,
        /// The engine's message.
        message: String,
    },
    /// The engine is too old.
    #[error(
        "the Docker engine {version} speaks API {api}; at least {}.{} is needed",
        OLDEST_API.0, OLDEST_API.1
    )]
    TooOld {
        /// The engine's version.
        version: String,
        /// Its newest API version.
        api: String,
    },
    /// The engine runs containers of another operating system.
    #[error("the Docker engine runs {0} containers; the workloads are Linux programs")]
    NotLinux(String),
    /// The engine lacks the OCI runtime of a target.
    #[error(
        "the Docker engine has no runtime {}; it has {has}",
        runtime.name()
    )]
    NoRuntime {
        /// The missing runtime.
        runtime: Runtime,
        /// The runtimes that it has.
        has: String,
    },
    /// The engine has no Debian image, or its archive is missing.
    #[error("the Docker engine has no Debian image with its archive")]
    NoBase,
    /// The engine's Debian image comes from another archive.
    #[error("the Docker engine's Debian image is not that of the archive {}", .0.display())]
    OtherBase(PathBuf),
    /// The engine failed to say whether it has one.
    #[error("{0}")]
    BaseUnknown(Failure),
    /// The client could not be created.
    #[error("setting up the Docker client: {0}")]
    Client(String),
}

impl Unusable {
    /// The command or advice that fixes it.
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

    /// For the reply to hello.
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
/// If `DOCKER_HOST` is not a unix socket.
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
    /// Checks that the engine has an OCI runtime.
    ///
    /// # Errors
    ///
    /// If it lacks it, with the runtimes that it has.
    pub fn has(&self, runtime: Runtime) -> Result<(), Unusable> {
        has(&self.info, runtime)
    }

    /// Version reported by an OCI runtime, if the engine reports its path.
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

    /// Connects to the engine from the environment.
    ///
    /// # Errors
    ///
    /// If none is usable; for several sockets, the error of the first.
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

    /// Connects to the engine on this socket.
    ///
    /// # Errors
    ///
    /// If it is not usable.
    pub async fn at(socket: &Path) -> Result<Self, Unusable> {
        reachable(socket)?;
        // Every request has its own limit; the client's limit must only be longer.
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

/// Whether the socket exists and accepts this user.
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

/// Checks the engine's API version and operating system.
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

/// Checks the engine's list of OCI runtimes.
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

/// Whether the engine no longer has an image.
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
