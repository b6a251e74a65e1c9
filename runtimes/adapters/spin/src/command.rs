//! Finds `spin` on PATH and checks that it is Fermyon's.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Time limit for printing its version.
const PATIENCE: Duration = Duration::from_secs(5);

/// A usable `spin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spin {
    /// Absolute path of the program.
    pub(crate) program: PathBuf,
    /// Version of Spin.
    pub(crate) version: String,
}

/// Why no `spin` is usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Not found on PATH.
    NotOnPath,
    /// It does not report its version.
    Broken(PathBuf, String),
    /// Another program with this name, for example the model checker.
    Another(PathBuf, String),
}

impl std::fmt::Display for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Absent::NotOnPath => write!(f, "no spin is on PATH"),
            Absent::Broken(program, said) => {
                write!(f, "{} does not say its version: {said}", program.display())
            }
            Absent::Another(program, said) => write!(
                f,
                "{} is not Fermyon's spin: it says {said:?}",
                program.display()
            ),
        }
    }
}

/// Checks the first `spin` on PATH.
pub(crate) fn on_path() -> Result<Spin, Absent> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = find(&path).ok_or(Absent::NotOnPath)?;
    match version(&program) {
        Ok(said) => understood(program, &said),
        Err(why) => Err(Absent::Broken(program, why)),
    }
}

fn find(path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("spin"))
        .find(|program| is_executable(program))
}

fn is_executable(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    program
        .metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The program's output for `--version`, within [`PATIENCE`].
fn version(program: &Path) -> Result<String, String> {
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let status = within(&mut child, PATIENCE)?;
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout
            .read_to_string(&mut said)
            .map_err(|error| error.to_string())?;
    }
    match status.success() {
        true => Ok(said.trim().to_owned()),
        false => Err(status.to_string()),
    }
}

fn within(child: &mut Child, patience: Duration) -> Result<std::process::ExitStatus, String> {
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if begun.elapsed() < patience => thread::sleep(Duration::from_millis(2)),
            ended => {
                // It may have exited already, which is fine.
                let _ = child.kill();
                let _ = child.wait();
                return Err(match ended {
                    Err(error) => error.to_string(),
                    Ok(_) => format!("it was still running after {patience:?}"),
                });
            }
        }
    }
}

/// Parses `spin 3.4.1 (1a2b3c4 2026-01-02)`.
fn understood(program: PathBuf, said: &str) -> Result<Spin, Absent> {
    let version = said
        .strip_prefix("spin ")
        .and_then(|rest| rest.split_whitespace().next())
        .filter(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    match version {
        Some(version) => Ok(Spin {
            version: version.to_owned(),
            program,
        }),
        None => {
            let line = said.lines().next().unwrap_or_default().to_owned();
            Err(Absent::Another(program, line))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_understood_and_the_model_checker_of_that_name_refused() {
        let program = PathBuf::from("/usr/bin/spin");
        let spin = understood(program.clone(), "spin 3.4.1 (1a2b3c4 2026-01-02)");
        assert_eq!(spin.expect("it will do").version, "3.4.1");
        let other = understood(program, "Spin Version 6.5.2 -- 6 December 2019");
        assert_eq!(
            other.expect_err("another program").to_string(),
            "/usr/bin/spin is not Fermyon's spin: it says \"Spin Version 6.5.2 -- 6 December 2019\""
        );
    }

    #[test]
    fn a_program_that_says_nothing_is_not_waited_for_for_ever() {
        let mut child = Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep is there");
        let ended = within(&mut child, Duration::from_millis(20));
        assert!(ended.is_err_and(|why| why.contains("still running")));
    }

    #[test]
    fn only_what_can_be_executed_is_found() {
        assert_eq!(find(OsStr::new("")), None);
        assert_eq!(find(OsStr::new("/etc:/dev")), None);
    }
}
