//! Finds `node` on PATH and checks its version.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plimsoll_adapter::protocol::Availability;

/// Oldest supported major version: since then node:wasi accepts the preview that a module needs.
const OLDEST: u32 = 18;

/// Script that prints the versions of `node` and V8.
const ASK: &str = "process.stdout.write(process.versions.node + ' ' + process.versions.v8)";

/// A usable `node`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Absolute path of the program.
    pub(crate) program: PathBuf,
    /// Version of Node.js.
    pub(crate) version: String,
    /// Version of V8.
    pub(crate) v8: String,
}

/// Why no `node` is usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Not found on PATH.
    NotOnPath,
    /// It does not report its version.
    Broken(PathBuf, String),
    /// It is too old.
    TooOld(PathBuf, String),
}

impl std::fmt::Display for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Absent::NotOnPath => write!(f, "no node is on PATH"),
            Absent::Broken(program, said) => {
                write!(f, "{} does not say its version: {said}", program.display())
            }
            Absent::TooOld(program, version) => write!(
                f,
                "{} is version {version}; its node:wasi needs {OLDEST} or newer",
                program.display()
            ),
        }
    }
}

/// Checks the first `node` on PATH.
pub(crate) fn on_path() -> Result<Node, Absent> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = find(&path).ok_or(Absent::NotOnPath)?;
    let asked = Command::new(&program)
        .args(["-e", ASK])
        .stdin(Stdio::null())
        .output();
    match asked {
        Ok(output) if output.status.success() => {
            understood(program, &String::from_utf8_lossy(&output.stdout))
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Absent::Broken(program, said))
        }
        Err(error) => Err(Absent::Broken(program, error.to_string())),
    }
}

fn find(path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("node"))
        .find(|program| is_executable(program))
}

fn is_executable(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    program
        .metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn understood(program: PathBuf, said: &str) -> Result<Node, Absent> {
    let Some((version, v8)) = said.split_once(' ') else {
        return Err(Absent::Broken(program, said.to_owned()));
    };
    let major = version.split('.').next().and_then(|word| word.parse().ok());
    match major {
        Some(major) if OLDEST <= major => Ok(Node {
            program,
            version: version.to_owned(),
            v8: v8.to_owned(),
        }),
        Some(_) => Err(Absent::TooOld(program, version.to_owned())),
        None => Err(Absent::Broken(program, said.to_owned())),
    }
}

/// Availability for the reply to hello, and the version.
pub(crate) fn told(node: &Result<Node, Absent>) -> (Availability, String) {
    match node {
        Ok(node) => (Availability::Available, node.version.clone()),
        Err(absent) => (
            Availability::Unavailable {
                reason: absent.to_string(),
                remedy: "scripts/install-tools node".to_owned(),
            },
            format!("not known: {absent}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_taken_apart_and_an_old_or_odd_one_refused() {
        let program = PathBuf::from("/usr/bin/node");
        let node = understood(program.clone(), "20.20.2 11.3.244.8-node.38").expect("it will do");
        assert_eq!(
            (node.version.as_str(), node.v8.as_str()),
            ("20.20.2", "11.3.244.8-node.38")
        );
        let old = understood(program.clone(), "16.1.0 9.4").expect_err("too old");
        assert_eq!(
            old.to_string(),
            "/usr/bin/node is version 16.1.0; its node:wasi needs 18 or newer"
        );
        assert!(matches!(
            understood(program, "hello"),
            Err(Absent::Broken(..))
        ));
    }

    #[test]
    fn only_what_can_be_executed_is_found() {
        assert_eq!(find(OsStr::new("")), None);
        assert_eq!(find(OsStr::new("/etc:/dev")), None);
    }
}
