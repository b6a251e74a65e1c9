//! The command line of a runner, a program that runs one WASI command in one process with any engine.
//!
//! `RUNNER [OPTION].. [--dir HOST[::GUEST[::ro]]].. [--env NAME=VALUE].. [--max-memory BYTES] [--timeout SECONDS] FILE
//! NAME [ARG..]`. The engine's own options ([`Own`]) are also accepted before FILE. The guest uses the process's
//! standard streams and exit code; a trap ends the process with [`TRAPPED`].

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg;
use plimsoll_record::sandbox::Limit;

use crate::Error;
use crate::in_process::unlimited;
use crate::protocol::Access;

/// Exit code after a trap, the same as `wasmtime run`: 128 + SIGABRT.
pub const TRAPPED: i32 = 134;
/// Exit code after a usage error.
pub const USAGE: i32 = 2;

/// A runner-specific option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Its name, without dashes.
    pub name: &'static str,
    /// Name of its value in the usage text; `None` for a flag.
    pub value: Option<&'static str>,
}

/// A parsed command line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Task {
    /// The runner's own options in the given order, with their values.
    pub own: Vec<(&'static str, Option<String>)>,
    /// Folders to preopen.
    pub folders: Vec<Folder>,
    /// Environment variables of the guest.
    pub env: Vec<(String, String)>,
    /// Memory limit of the guest, in bytes.
    pub max_memory: Option<usize>,
    /// Time limit of the guest.
    pub timeout: Option<Duration>,
    /// The `.wasm` or artefact.
    pub file: PathBuf,
    /// The guest's arguments, starting with its name.
    pub args: Vec<String>,
}

/// A folder to preopen for a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Path on the host.
    pub host: PathBuf,
    /// Path in the guest.
    pub guest: String,
    /// Read-only or writable.
    pub access: Access,
}

impl Task {
    /// Parses this process's command line; exits with [`USAGE`] if it is invalid.
    pub fn of_this_process(runner: &str, own: &[Own]) -> Task {
        Task::of(std::env::args_os().skip(1), own).unwrap_or_else(|error| {
            eprintln!("{runner}: {error}\n{}", usage(runner, own));
            std::process::exit(USAGE)
        })
    }

    /// Parses a command line without the program's name.
    ///
    /// # Errors
    ///
    /// If the command line is invalid.
    pub fn of(args: impl Iterator<Item = OsString>, own: &[Own]) -> Result<Task, lexopt::Error> {
        let mut task = Task::default();
        let mut parser = lexopt::Parser::from_args(args);
        let file = loop {
            match parser.next()? {
                Some(Arg::Value(file)) => break file,
                Some(Arg::Long("dir")) => task.folders.push(folder(&text(parser.value()?)?)?),
                Some(Arg::Long("env")) => task.env.push(variable(&text(parser.value()?)?)?),
                Some(Arg::Long("max-memory")) => {
                    task.max_memory = Some(number(&text(parser.value()?)?)?);
                }
                Some(Arg::Long("timeout")) => {
                    let seconds = number(&text(parser.value()?)?)?;
                    let timeout = Duration::try_from_secs_f64(seconds);
                    task.timeout = Some(timeout.map_err(|error| error.to_string())?);
                }
                Some(Arg::Long(name)) => {
                    let Some(option) = own.iter().find(|option| option.name == name) else {
                        return Err(Arg::Long(name).unexpected());
                    };
                    let value = match option.value {
                        Some(_) => Some(text(parser.value()?)?),
                        None => None,
                    };
                    task.own.push((option.name, value));
                }
                Some(other) => return Err(other.unexpected()),
                None => return Err("FILE is missing".into()),
            }
        };
        task.file = file.into();
        // Everything that follows belongs to the guest.
        task.args = parser.raw_args()?.map(text).collect::<Result<_, _>>()?;
        match task.args.is_empty() {
            true => Err("NAME is missing".into()),
            false => Ok(task),
        }
    }

    /// Whether one of the runner's own options was given.
    pub fn has(&self, name: &str) -> bool {
        self.own.iter().any(|(given, _)| *given == name)
    }

    /// The value of one of the runner's own options; the last one wins.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut given = self.own.iter().rev().filter(|(given, _)| *given == name);
        given.next().and_then(|(_, value)| value.as_deref())
    }
}

/// The usage text, on one line.
pub fn usage(runner: &str, own: &[Own]) -> String {
    let own = own.iter().map(|option| match option.value {
        Some(value) => format!(" [--{} {value}]", option.name),
        None => format!(" [--{}]", option.name),
    });
    format!(
        "usage: {runner}{} [--dir HOST[::GUEST[::ro]]].. [--env NAME=VALUE].. [--max-memory BYTES] \
         [--timeout SECONDS] FILE NAME [ARG..]",
        own.collect::<String>()
    )
}

/// The options that preopen the working directory as `.`.
pub fn working_directory(access: Access) -> [&'static str; 2] {
    match access {
        Access::Read => ["--dir", ".::.::ro"],
        Access::Write => ["--dir", ".::."],
    }
}

/// The options that enforce limits. Preview 1 allows no writes, connections or processes without a grant, so a runner
/// needs no options for those.
///
/// # Errors
///
/// [`Error::Unsupported`] for a limit without an option.
pub fn limits(limits: &[Limit]) -> Result<Vec<String>, Error> {
    let mut options = Vec::new();
    for limit in limits {
        let (option, value) = match *limit {
            Limit::Memory { bytes } => ("--max-memory", bytes.to_string()),
            Limit::Time { nanoseconds } => {
                let seconds = Duration::from_nanos(nanoseconds).as_secs_f64();
                ("--timeout", seconds.to_string())
            }
            _ => return Err(Error::Unsupported(unlimited(&[*limit]))),
        };
        options.extend([option.to_owned(), value]);
    }
    Ok(options)
}

fn text(value: OsString) -> Result<String, lexopt::Error> {
    value.into_string().map_err(lexopt::Error::NonUnicodeValue)
}

fn number<T: std::str::FromStr<Err: std::fmt::Display>>(value: &str) -> Result<T, lexopt::Error> {
    let parsed = value.parse();
    parsed.map_err(|error| format!("{value}: {error}").into())
}

fn folder(value: &str) -> Result<Folder, lexopt::Error> {
    let mut parts = value.splitn(3, "::");
    let host = parts.next().unwrap_or_default();
    Ok(Folder {
        host: host.into(),
        guest: parts.next().unwrap_or(host).to_owned(),
        access: match parts.next() {
            None => Access::Write,
            Some("ro") => Access::Read,
            Some(other) => return Err(format!("--dir {value}: `{other}` is not `ro`").into()),
        },
    })
}

fn variable(value: &str) -> Result<(String, String), lexopt::Error> {
    match value.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(format!("--env {value}: no `=` in it").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[Own] = &[
        Own {
            name: "compile",
            value: None,
        },
        Own {
            name: "with",
            value: Some("COMPILER"),
        },
    ];

    fn task(words: &[&str]) -> Result<Task, String> {
        let words = words.iter().map(OsString::from);
        Task::of(words, OWN).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_understood_and_the_rest_is_the_guests() {
        let words = "--compile --with llvm --dir /a::b::ro --dir . --env A=b=c --max-memory 65536 \
                     --timeout 0.25 FILE name --dir / -x --";
        let words: Vec<&str> = words.split_whitespace().collect();
        let task = task(&words).expect("a command line");
        assert!(task.has("compile"));
        assert_eq!(task.value("with"), Some("llvm"));
        let folders: Vec<_> = task
            .folders
            .iter()
            .map(|one| {
                (
                    one.host.to_str().unwrap_or_default(),
                    one.guest.as_str(),
                    one.access,
                )
            })
            .collect();
        assert_eq!(
            folders,
            [("/a", "b", Access::Read), (".", ".", Access::Write)]
        );
        assert_eq!(task.env, [("A".to_owned(), "b=c".to_owned())]);
        assert_eq!(task.max_memory, Some(65536));
        assert_eq!(task.timeout, Some(Duration::from_millis(250)));
        assert_eq!(task.file, PathBuf::from("FILE"));
        assert_eq!(task.args, ["name", "--dir", "/", "-x", "--"]);
    }

    #[test]
    fn what_is_no_command_line_is_refused_with_the_reason() {
        for (words, why) in [
            (&["FILE"][..], "NAME is missing"),
            (&["--compile"], "FILE is missing"),
            (&["--fast", "FILE", "name"], "--fast"),
            (&["--env", "A", "FILE", "name"], "no `=` in it"),
            (&["--dir", "a::b::rw", "FILE", "name"], "`rw` is not `ro`"),
            (&["--timeout", "-1", "FILE", "name"], "negative"),
            (
                &["--max-memory", "1e6", "FILE", "name"],
                "1e6: invalid digit",
            ),
        ] {
            let error = task(words).expect_err("it is refused");
            assert!(error.contains(why), "{words:?}: {error}");
        }
        assert_eq!(
            usage("a-runner", OWN),
            "usage: a-runner [--compile] [--with COMPILER] [--dir HOST[::GUEST[::ro]]].. \
             [--env NAME=VALUE].. [--max-memory BYTES] [--timeout SECONDS] FILE NAME [ARG..]"
        );
    }
}
