//! Which OCI runtimes there are, where they are, and whether they will do here.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plimsoll_adapter::protocol::Availability;

/// Where runtimes keep what they know of containers: gone with the next boot, as containers are.
const STATE: &str = "/run/plimsoll/oci";

/// A program that makes a container of a bundle (OCI Runtime Specification), and its command line,
/// which all of these have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Runtime {
    /// The reference, in Go; Docker's own.
    Runc,
    /// In C.
    Crun,
    /// In Rust; with an engine for WebAssembly inside.
    Youki,
    /// gVisor: a kernel of its own, in user space, under the guest.
    Runsc,
    /// libcontainer, linked into a program of this adapter: nothing has to be installed.
    Embedded,
}

/// A runtime that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// The program, absolute.
    pub(crate) path: PathBuf,
    /// Its own version.
    pub(crate) version: String,
}

/// What came of looking for a runtime.
pub(crate) type Found = Result<Program, Absent>;

/// Why a runtime will not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absent {
    /// PATH leads to no such program, nor is it where our script puts it.
    NotThere(Runtime),
    /// It does not say what it is.
    Broken(PathBuf, String),
    /// Containers with namespaces of their own are made by root.
    NotRoot,
    /// It wants every controller of version 1 mounted, where both versions are.
    Hybrid(Runtime),
    /// This machine lets this user make no container, for the reason given.
    Refused(String),
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absent::NotThere(Runtime::Embedded) => {
                write!(f, "oci-embedded does not lie beside this adapter")
            }
            Absent::NotThere(runtime) => write!(f, "no {} is on PATH", runtime.name()),
            Absent::Refused(reason) => f.write_str(reason),
            Absent::Broken(program, said) => {
                write!(f, "{} does not say its version: {said}", program.display())
            }
            Absent::NotRoot => write!(
                f,
                "without a daemon that is root, only root can make a container as the daemon does"
            ),
            Absent::Hybrid(runtime) => write!(
                f,
                "{} refuses control groups of both versions side by side where hugetlb is not mounted",
                runtime.name()
            ),
        }
    }
}

impl Absent {
    /// As the protocol says it.
    pub(crate) fn availability(&self) -> Availability {
        let remedy = match self {
            Absent::NotThere(runtime) | Absent::Hybrid(runtime) => runtime.remedy().to_owned(),
            Absent::Broken(program, _) => format!("install {} again", program.display()),
            Absent::NotRoot | Absent::Refused(_) => {
                "run bench as root, for example by sudo".to_owned()
            }
        };
        Availability::Unavailable {
            reason: self.to_string(),
            remedy,
        }
    }
}

impl Runtime {
    /// Every one.
    pub(crate) const ALL: [Runtime; 5] = [
        Runtime::Embedded,
        Runtime::Runc,
        Runtime::Crun,
        Runtime::Youki,
        Runtime::Runsc,
    ];

    /// What its program is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Runtime::Runc => "runc",
            Runtime::Crun => "crun",
            Runtime::Youki => "youki",
            Runtime::Runsc => "runsc",
            Runtime::Embedded => "oci-embedded",
        }
    }

    /// The command that brings it.
    fn remedy(self) -> &'static str {
        match self {
            Runtime::Runc => "scripts/install-tools runc",
            Runtime::Crun => "scripts/install-tools crun",
            Runtime::Youki => "bench setup youki",
            Runtime::Runsc => "bench setup gvisor",
            Runtime::Embedded => "bench setup oci-embedded",
        }
    }

    /// The folder where it keeps what it knows of our containers.
    pub(crate) fn state(self) -> PathBuf {
        let user = rustix::process::geteuid();
        let base = match user.is_root() {
            true => PathBuf::from(STATE),
            false => std::env::var_os("XDG_RUNTIME_DIR")
                .map(PathBuf::from)
                .filter(|folder| folder.is_dir())
                .unwrap_or_else(std::env::temp_dir)
                .join(format!("plimsoll-oci-{}", user.as_raw())),
        };
        base.join(self.name())
    }

    /// Options before its verb. gVisor: the way of stopping system calls that every machine has, and no
    /// network but loopback, as in all of these.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Runtime::Runc | Runtime::Crun | Runtime::Embedded => &[],
            Runtime::Runsc => &["--platform=ptrace", "--network=none"],
            Runtime::Youki => &["--log-level", "error"],
        }
    }

    /// The program to be started for the one in `path`, and what stands before its own options.
    ///
    /// `youki run` asks for SIGCHLD only after the guest has been started, and waits for ever for one that
    /// has ended by then (0.7.0; 3 of 25 starts of hello on a busy machine). Started with the signal
    /// blocked, it finds it pending: none of 40 hung.
    pub(crate) fn command(self, path: String) -> (String, Vec<String>) {
        match self {
            Runtime::Youki => (
                "/usr/bin/env".to_owned(),
                vec!["--block-signal=CHLD".to_owned(), path],
            ),
            Runtime::Runc | Runtime::Crun | Runtime::Runsc | Runtime::Embedded => {
                (path, Vec::new())
            }
        }
    }

    /// The runtime that is on PATH, or where our scripts put it; and whether it can work here.
    pub(crate) fn find(self) -> Found {
        let path = self.path().ok_or(Absent::NotThere(self))?;
        let version = version(&path).map_err(|said| Absent::Broken(path.clone(), said))?;
        if self == Runtime::Embedded {
            let way = checked(&path).map_err(Absent::Refused)?;
            let version = format!("{version}, {way}");
            return Ok(Program { path, version });
        }
        if !rustix::process::geteuid().is_root() {
            return Err(Absent::NotRoot);
        }
        if self == Runtime::Crun && lacks_hugetlb() {
            return Err(Absent::Hybrid(self));
        }
        Ok(Program { path, version })
    }

    fn path(self) -> Option<PathBuf> {
        if self == Runtime::Embedded {
            let program = std::env::current_exe().ok()?.with_file_name(self.name());
            return is_executable(&program).then_some(program);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let ours = std::env::var_os("HOME").map(|home| {
            let cache = std::env::var_os("XDG_CACHE_HOME")
                .map_or_else(|| Path::new(&home).join(".cache"), PathBuf::from);
            cache.join("plimsoll").join(self.name()).join("bin")
        });
        std::env::split_paths(&path)
            // A user's PATH may lack the folder that Debian has runc in.
            .chain(["/usr/sbin".into()])
            .chain(ours)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(self.name()))
            .find(|program| is_executable(program))
    }
}

fn is_executable(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    program
        .metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// What a runtime says of itself, in one line.
fn version(program: &Path) -> Result<String, String> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => first_number(&text).ok_or_else(|| text.trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// How the embedded runtime makes containers here, in one line; or why it makes none.
fn checked(program: &Path) -> Result<String, String> {
    let output = Command::new(program)
        .arg("--check")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// The first word that begins with a digit: `runc version 1.1.5`, `youki version 0.7.0`; gVisor's
/// releases are dates.
fn first_number(text: &str) -> Option<String> {
    text.split_whitespace()
        .map(|word| word.trim_start_matches("release-"))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

/// Whether both versions of control groups are mounted, and not every controller of version 1.
fn lacks_hugetlb() -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let controllers = fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let mounted = |path: &str| {
        mounts
            .lines()
            .any(|line| line.split(' ').nth(1) == Some(path))
    };
    mounted("/sys/fs/cgroup/unified")
        && controllers.lines().any(|line| line.starts_with("hugetlb"))
        && !mounted("/sys/fs/cgroup/hugetlb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_whoever_says_it() {
        for (said, version) in [
            (
                "runc version 1.1.5+ds1\ncommit: 1.1.5\nspec: 1.0.2\n",
                "1.1.5+ds1",
            ),
            ("crun version 1.8.1\ncommit: f8a0\n", "1.8.1"),
            ("youki version 0.7.0\ncommit: 0.7.0-0\n", "0.7.0"),
        ] {
            assert_eq!(first_number(said).as_deref(), Some(version));
        }
        assert_eq!(first_number("no idea"), None);
    }

    #[test]
    fn what_is_missing_says_what_brings_it() {
        let Availability::Unavailable { reason, remedy } =
            Absent::NotThere(Runtime::Youki).availability()
        else {
            panic!("it is not there");
        };
        assert_eq!(
            (reason.as_str(), remedy.as_str()),
            ("no youki is on PATH", "bench setup youki")
        );
    }
}
