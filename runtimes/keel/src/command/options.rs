//! The options that `keel run` and `keel-run` share.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::Allowance;
use crate::engine::Fuel;
use crate::wasi::{Access, WasiCtx, WasiError};

/// The text that both commands print for `--help`, after their own first lines.
pub const HELP: &str = "\
Everything after PROGRAM is the program's own, byte for byte. `-` stands for standard input.

  --dir HOST[::GUEST[::ro]]  grant a directory, to read and write or to read only
  --env NAME[=VALUE]         set an environment variable; without a value, hand on our own
  --fuel N                   stop the program after N operators
  --timeout SECONDS          stop after this time, which includes compiling
  --max-memory BYTES         bytes that each memory may have
  --max-table ELEMENTS       elements that each table may have
  --max-total BYTES          bytes that all memories and tables together may have
  --invoke NAME              call this export, which takes nothing, instead of `_start`, and print its
                             results; a reactor is initialised first
  --cache FOLDER             keep compiled code in FOLDER, made with mode 0700, and use what is there
  --unknown-imports-trap     give imports that are not WASI's a function that traps
  -h, --help                 print this

The exit code is the program's own; 134 says that it trapped, 1 that it could not be started, 2 that the
command line is wrong.
";

/// The exit code of a program that trapped: 128 plus the number of SIGABRT.
pub const TRAPPED: u8 = 134;
/// The exit code for an invalid command line.
pub const USAGE: u8 = 2;

/// How to treat undefined imports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownImports {
    /// The program is rejected.
    #[default]
    Refused,
    /// The program runs, and a call to such an import traps.
    Trap,
}

/// The form of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A module, which is compiled first.
    #[default]
    Module,
    /// An artefact: native code that the caller trusts.
    Artefact,
}

/// The options of a command line.
#[derive(Clone, Debug, Default)]
pub struct Options {
    directories: Vec<(PathBuf, OsString, Access)>,
    environment: Vec<(OsString, OsString)>,
    /// The resources that the program may use.
    pub allowance: Allowance,
    /// How to treat undefined imports.
    pub unknown_imports: UnknownImports,
    /// The export to call in place of the main function.
    pub invoke: Option<String>,
    /// The folder of the compilation cache, if any. Unused for artefacts.
    pub cache: Option<PathBuf>,
    /// Whether the program is a module or an artefact.
    pub form: Form,
    /// The program's path; `-` for standard input.
    pub program: OsString,
    arguments: Vec<OsString>,
}

/// The result of parsing a command line.
#[derive(Clone, Debug)]
pub enum Request {
    /// Print the help.
    Help,
    /// Run a program.
    Run(Box<Options>),
}

impl Options {
    /// Parses a command line without the command's own name. `form` is the default form of the
    /// program; `--artifact` selects an artefact.
    ///
    /// # Errors
    /// A message about the first invalid option.
    pub fn parse(words: impl IntoIterator<Item = OsString>, form: Form) -> Result<Request, String> {
        let mut options = Options {
            form,
            ..Options::default()
        };
        let mut words = words.into_iter();
        loop {
            let word = words.next().ok_or("no program given")?;
            let bytes = word.as_bytes();
            if bytes == b"--" {
                options.program = words.next().ok_or("no program given")?;
                break;
            }
            if bytes == b"-" || !bytes.starts_with(b"-") {
                options.program = word;
                break;
            }
            let (name, attached) = match split(&word, b"=") {
                Some((name, value)) => (name, Some(value)),
                None => (word.as_os_str(), None),
            };
            let name = name.to_string_lossy();
            if let Some(done) = options.flag(&name) {
                if attached.is_some() {
                    return Err(format!("{name} takes no value"));
                }
                match done {
                    Flag::Set => continue,
                    Flag::Help => return Ok(Request::Help),
                }
            }
            if !VALUED.contains(&&*name) {
                return Err(format!("unknown option {name}; see --help"));
            }
            let value = attached.map(OsStr::to_owned);
            let value = value.or_else(|| words.next());
            options.valued(&name, value.ok_or_else(|| format!("{name} needs a value"))?)?;
        }
        options.arguments = words.collect();
        Ok(Request::Run(Box::new(options)))
    }

    fn flag(&mut self, name: &str) -> Option<Flag> {
        match name {
            "-h" | "--help" => return Some(Flag::Help),
            "--artifact" => self.form = Form::Artefact,
            "--unknown-imports-trap" => self.unknown_imports = UnknownImports::Trap,
            _ => return None,
        }
        Some(Flag::Set)
    }

    fn valued(&mut self, name: &str, value: OsString) -> Result<(), String> {
        match name {
            "--dir" => self.directories.push(directory(&value)?),
            "--cache" => self.cache = Some(value.into()),
            "--env" => self.environment.push(variable(value)?),
            "--fuel" => self.allowance.fuel = Some(number(name, &value)?),
            "--timeout" => {
                let seconds = number(name, &value)?;
                let timeout = Duration::try_from_secs_f64(seconds);
                let timeout = timeout.map_err(|error| format!("{name} {seconds}: {error}"))?;
                self.allowance.timeout = Some(timeout);
            }
            "--max-memory" => self.allowance.limits.memory_bytes = number(name, &value)?,
            "--invoke" => {
                let name = value.into_string();
                let name =
                    name.map_err(|name| format!("--invoke {}: not UTF-8", name.to_string_lossy()));
                self.invoke = Some(name?);
            }
            "--max-table" => self.allowance.limits.table_elements = number(name, &value)?,
            _ => self.allowance.limits.total_bytes = number(name, &value)?,
        }
        Ok(())
    }

    /// Whether code must be metered, which is the case if there is a fuel limit.
    pub fn fuel(&self) -> Fuel {
        match self.allowance.fuel {
            Some(_) => Fuel::Metered,
            None => Fuel::Off,
        }
    }

    /// The program's WASI context: the process's standard streams, the arguments, and the granted
    /// resources.
    ///
    /// # Errors
    /// As [`WasiCtxBuilder::build`](crate::wasi::WasiCtxBuilder::build).
    pub fn context(&self) -> Result<WasiCtx, WasiError> {
        let mut wasi = WasiCtx::builder()
            .inherit_stdio()
            .arg(&self.program)
            .args(&self.arguments);
        for (name, value) in &self.environment {
            wasi = wasi.env(name, value);
        }
        for (host, guest, access) in &self.directories {
            wasi = wasi.directory(host, guest, *access);
        }
        wasi.build()
    }
}

/// The options that take a value.
const VALUED: [&str; 9] = [
    "--invoke",
    "--cache",
    "--dir",
    "--env",
    "--fuel",
    "--timeout",
    "--max-memory",
    "--max-table",
    "--max-total",
];

/// The effect of an option without a value.
enum Flag {
    Set,
    Help,
}

/// The parts before and after the first separator; `None` without one.
fn split<'a>(word: &'a OsStr, separator: &[u8]) -> Option<(&'a OsStr, &'a OsStr)> {
    let bytes = word.as_bytes();
    let at = bytes
        .windows(separator.len())
        .position(|window| window == separator)?;
    let (before, after) = (&bytes[..at], &bytes[at + separator.len()..]);
    Some((OsStr::from_bytes(before), OsStr::from_bytes(after)))
}

fn directory(grant: &OsStr) -> Result<(PathBuf, OsString, Access), String> {
    let Some((host, rest)) = split(grant, b"::") else {
        return Ok((PathBuf::from(grant), grant.to_owned(), Access::ReadWrite));
    };
    let (guest, access) = match split(rest, b"::") {
        None => (rest, Access::ReadWrite),
        Some((guest, access)) if access == "ro" => (guest, Access::ReadOnly),
        Some((_, other)) => {
            let (grant, other) = (grant.to_string_lossy(), other.to_string_lossy());
            return Err(format!("--dir {grant}: `{other}` is not `ro`"));
        }
    };
    Ok((PathBuf::from(host), guest.to_owned(), access))
}

fn variable(value: OsString) -> Result<(OsString, OsString), String> {
    if let Some((name, value)) = split(&value, b"=") {
        return Ok((name.to_owned(), value.to_owned()));
    }
    match std::env::var_os(&value) {
        Some(own) => Ok((value, own)),
        None => Err(format!(
            "--env {}: the environment has no such variable; give NAME=VALUE",
            value.to_string_lossy()
        )),
    }
}

fn number<N: std::str::FromStr>(name: &str, value: &OsStr) -> Result<N, String>
where
    N::Err: std::fmt::Display,
{
    let value = value.to_string_lossy();
    value
        .parse()
        .map_err(|error| format!("{name} {value}: {error}"))
}

/// The message of an error and its causes, without repetition. Limits are named as the command's
/// options.
pub fn explain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    for (field, option) in [
        ("Limits::memory_bytes", "--max-memory"),
        ("Limits::table_elements", "--max-table"),
        ("Limits::total_bytes", "--max-total"),
    ] {
        text = text.replace(field, option);
    }
    text
}

/// The contents of a file, or of standard input for `-`.
///
/// # Errors
/// Reading failed.
pub fn read(program: &OsStr) -> std::io::Result<Vec<u8>> {
    if program == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(program)
}
