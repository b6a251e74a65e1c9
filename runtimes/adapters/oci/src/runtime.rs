//! Finds OCI runtimes and checks whether they work here.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plimsoll_adapter::protocol::Availability;

/// Where runtimes store container state; like containers, it disappears at reboot.
const STATE: &str = "/run/plimsoll/oci";

/// A program that creates a container from a bundle (OCI Runtime Specification). All of them share one command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Runtime {
    /// The reference implementation in Go, used by Docker.
    Runc,
    /// Written in C.
    Crun,
    /// Written in Rust; includes an engine for WebAssembly.
    Youki,
    /// gVisor: runs the guest on its own user-space kernel.
    Runsc,
    /// libcontainer, linked into a program of this adapter; needs no installation.
    Embedded,
}

/// A usable runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// Absolute path of the program.
    pub(crate) path: PathBuf,
    /// Version of the runtime.
    pub(crate) version: String,
}

/// Result of looking for a runtime.
pub(crate) type Found = Result<Program, Absent>;

/// Why a runtime is unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Found neither on PATH nor where our script installs it.
    NotThere(Runtime),
    /// It does not report its version.
    Broken(PathBuf, String),
    /// Only root can create containers with all namespaces.
    NotRoot,
    /// It requires every version 1 controller to be mounted when both cgroup versions are.
    Hybrid(Runtime),
    /// This user cannot create containers on this machine; with the reason.
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
    /// For the reply to hello.
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
    /// All runtimes.
    pub(crate) const ALL: [Runtime; 5] = [
        Runtime::Embedded,
        Runtime::Runc,
        Runtime::Crun,
        Runtime::Youki,
        Runtime::Runsc,
    ];

    /// File name of its program.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Runtime::Runc => "runc",
            Runtime::Crun => "crun",
            Runtime::Youki => "youki",
            Runtime::Runsc => "runsc",
            Runtime::Embedded => "oci-embedded",
        }
    }

    /// The command that installs it.
    fn remedy(self) -> &'static str {
        match self {
            Runtime::Runc => "scripts/install-tools runc",
            Runtime::Crun => "scripts/install-tools crun",
            Runtime::Youki => "bench setup youki",
            Runtime::Runsc => "bench setup gvisor",
            Runtime::Embedded => "bench setup oci-embedded",
        }
    }

    /// The folder where it stores the state of our containers.
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

    /// Options before its verb. For gVisor: the system call interception that works on every machine, and a network
    /// with only loopback.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Runtime::Runc | Runtime::Crun | Runtime::Embedded => &[],
            Runtime::Runsc => &["--platform=ptrace", "--network=none"],
            Runtime::Youki => &["--log-level", "error"],
        }
    }

    /// The program to start for the one in `path`, and the arguments before its own options.
    ///
    /// `youki run` starts to wait for SIGCHLD only after starting the guest, and hangs if the guest has already exited
    /// (0.7.0; 3 of 25 starts of hello on a busy machine). With the signal blocked at startup it stays pending: 0 of 40
    /// starts hung.
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

    /// Looks for the runtime on PATH and where our scripts install it, and checks whether it works here.
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
            // Debian installs runc in this folder, which a user's PATH may lack.
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

/// A runtime's version output, in one line.
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

/// How the embedded runtime creates containers here, in one line, or why it cannot.
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

/// The first word that begins with a digit: `runc version 1.1.5`, `youki version 0.7.0`; gVisor's releases are dates.
fn first_number(text: &str) -> Option<String> {
    text.split_whitespace()
        .map(|word| word.trim_start_matches("release-"))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

/// Whether both cgroup versions are mounted, but not all version 1 controllers.
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
