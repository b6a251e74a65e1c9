//! Runs the tests of a checkout on one target, with its own command line.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_adapter::protocol::Launch;
use plimsoll_record::conformance::{FailureMode, ScriptLine, Verdict};

use super::{Test, TestRequest};
use crate::catalog::checkout::Checkout;
use crate::machine::interrupt::Interrupt;
use crate::process::status::signal_name;
use crate::process::supervised::{self, Bounds, Ending, MEMORY_BYTES, Stdin};
use crate::run::adapter::child::Fault;
use crate::ui::format::clipped;

/// Time limit of one test.
const DEADLINE: Duration = Duration::from_secs(20);
/// Maximum quote of a test's output, characters.
const QUOTED: usize = 240;

/// How a target's command takes grants, from runtimes/targets.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Command {
    program: PathBuf,
    args: Vec<String>,
    form: Form,
}

/// The syntax of grants, variables and the guest's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `--dir HOST::GUEST --env NAME=VALUE FILE ARG..`
    Dir,
    /// `--dir HOST::GUEST --env NAME=VALUE FILE NAME ARG..`
    Runner,
}

impl Command {
    fn of(words: &[String], checkout: &Checkout) -> Option<Self> {
        let at = words.iter().position(|word| word == "--")?;
        let (options, command) = (&words[..at], &words[at + 1..]);
        let form = options.windows(2).find(|pair| pair[0] == "--form")?;
        let form = match form[1].as_str() {
            "dir" => Form::Dir,
            "runner" => Form::Runner,
            _ => return None,
        };
        let (program, args) = command.split_first()?;
        let built = |word: &String| match word.strip_prefix("runtimes/") {
            Some(_) => checkout.root.join(word).display().to_string(),
            None => word.clone(),
        };
        Some(Command {
            program: match program.contains('/') {
                true => checkout.target.join(program),
                false => on_path(program)?,
            },
            args: args.iter().map(built).collect(),
            form,
        })
    }

    /// The command line of a test, with its granted folders at `grants`.
    fn launch(
        &self,
        test: &Test,
        request: &TestRequest,
        grants: &[(PathBuf, String)],
        at: &Path,
    ) -> Launch {
        let name = test.wasm.file_name().unwrap_or_default().to_string_lossy();
        let mut args = self.args.clone();
        for (host, guest) in grants {
            args.extend(["--dir".to_owned(), format!("{}::{guest}", host.display())]);
        }
        for (name, value) in &request.env {
            args.extend(["--env".to_owned(), format!("{name}={value}")]);
        }
        args.push(test.wasm.display().to_string());
        if self.form == Form::Runner {
            args.push(name.into_owned());
        }
        args.extend(request.args.iter().cloned());
        Launch {
            program: self.program.clone(),
            args,
            env: BTreeMap::new(),
            directory: at.to_owned(),
            artefact: test.wasm.clone(),
            container: None,
        }
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders = std::env::split_paths(&path).map(|folder| folder.join(program));
    folders.find(|program| crate::catalog::targets::is_executable(program))
}

/// Runs every test on an engine with the form and command in `words`, as in
/// [`AdapterRow::wasi_tests`](crate::catalog::targets::AdapterRow::wasi_tests). Each runs in `scratch` with
/// copies of its granted folders.
///
/// # Errors
/// [`Fault::Interrupted`], or [`Fault::Start`] if the tests cannot be read again.
pub fn run(
    checkout: &Checkout,
    directory: &Path,
    words: &[String],
    scratch: &Path,
    trial: (u32, u32),
    interrupt: &Interrupt,
) -> Result<Vec<ScriptLine>, Fault> {
    let start = |message: String| Fault::Start {
        program: format!("the tests of {}", directory.display()),
        message,
    };
    let command = Command::of(words, checkout);
    let command = command.ok_or_else(|| start("its command is not understood".to_owned()))?;
    let tests = super::tests(directory).map_err(|error| start(error.to_string()))?;
    let mut lines = Vec::new();
    for (name, test) in &tests {
        let verdict = match &test.request {
            Err(why) => Verdict::Skipped {
                reason: why.clone(),
            },
            Ok(request) => one(&command, test, request, scratch, interrupt)?,
        };
        lines.push(ScriptLine::of(trial.0, trial.1, name, [(1, verdict)]));
    }
    Ok(lines)
}

fn one(
    command: &Command,
    test: &Test,
    request: &TestRequest,
    scratch: &Path,
    interrupt: &Interrupt,
) -> Result<Verdict, Fault> {
    let found = |how, message| Ok(Verdict::Found { how, message });
    // Start afresh, because a test may leave anything behind.
    let _ = fs::remove_dir_all(scratch);
    let mut grants = Vec::new();
    for (number, (from, name)) in request.grants.iter().enumerate() {
        let to = scratch.join(format!("granted-{number}"));
        if let Err(error) = copy(from, &to) {
            let reason = format!("{} cannot be copied: {error}", from.display());
            return Ok(Verdict::Skipped { reason });
        }
        grants.push((to, name.clone()));
    }
    if let Err(error) = fs::create_dir_all(scratch) {
        return found(
            FailureMode::Crashed,
            format!("cannot make its folder: {error}"),
        );
    }
    let launch = command.launch(test, request, &grants, scratch);
    let bounds = Bounds {
        patience: DEADLINE,
        memory_bytes: MEMORY_BYTES,
        // As in the testsuite's own runner; some engines cannot poll /dev/null.
        stdin: Stdin::Silent,
    };
    let ran = match supervised::run(&launch, bounds, interrupt) {
        Ok(None) => return Err(Fault::Interrupted),
        Err(error) => {
            let program = launch.program.display();
            return found(
                FailureMode::Crashed,
                format!("cannot run {program}: {error}"),
            );
        }
        Ok(Some(ran)) => ran,
    };
    let said = || match telling(&ran.stderr) {
        Some(words) => format!(" ({})", clipped(&words, QUOTED)),
        None => String::new(),
    };
    match ran.end {
        Ending::Exited(code) if code != request.exit_code => found(
            FailureMode::Failed,
            format!("exit code {code}, not {}{}", request.exit_code, said()),
        ),
        Ending::Exited(_) => Ok(compared(request, &ran)),
        Ending::Killed(signal) => found(
            FailureMode::Crashed,
            format!("killed by {}{}", signal_name(signal), said()),
        ),
        Ending::Impatience(after) => found(FailureMode::Timeout, format!("no end after {after:?}")),
        Ending::Memory(_) | Ending::OutOfMemory => found(
            FailureMode::Crashed,
            "took more memory than it may".to_owned(),
        ),
    }
}

/// The part of standard error with the cause: for a panic its place and message, else the last line.
fn telling(stderr: &str) -> Option<String> {
    const PANICKED: &str = "panicked at ";
    let mut lines = stderr.trim().lines();
    let about = |line: &&str| line.contains(PANICKED) || line.contains("ssertion failed");
    let Some(line) = lines.by_ref().find(about) else {
        return stderr.trim().lines().last().map(str::to_owned);
    };
    Some(match line.split_once(PANICKED) {
        Some((_, at)) => format!("{at} {}", lines.next().unwrap_or_default()),
        None => line.to_owned(),
    })
}

fn compared(request: &TestRequest, ran: &supervised::Ran) -> Verdict {
    let streams = [
        ("stdout", &request.stdout, &ran.stdout),
        ("stderr", &request.stderr, &ran.stderr),
    ];
    for (name, wanted, printed) in streams {
        if let Some(wanted) = wanted
            && wanted != printed
        {
            let [printed, wanted] = [printed, wanted].map(|text| clipped(text, QUOTED));
            return Verdict::Found {
                how: FailureMode::Failed,
                message: format!("{name} is {printed:?}, not {wanted:?}"),
            };
        }
    }
    Verdict::Passed { differs: None }
}

/// Copies a folder recursively; links stay links.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&path, &to)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path)?, &to)?;
        } else {
            fs::copy(&path, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_stops_itself_is_quoted_with_where_and_what() {
        let panicked = "\nthread 'main' (1) panicked at a/b.rs:61:13:\nexpected SUCCESS; got PERM\nnote: run\n";
        let said = telling(panicked);
        assert_eq!(
            said.as_deref(),
            Some("a/b.rs:61:13: expected SUCCESS; got PERM")
        );
        let asserted =
            "Assertion failed: fd != -1 (a.c: main: 12)\nrunning a.wasm: unreachable\n  at main\n";
        let said = telling(asserted);
        assert_eq!(
            said.as_deref(),
            Some("Assertion failed: fd != -1 (a.c: main: 12)")
        );
        assert_eq!(telling("first\nlast\n").as_deref(), Some("last"));
        assert_eq!(telling(" \n"), None);
    }
}
