//! The options of `keel run` and of `keel-run`: one set of rules for both.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::Allowance;
use crate::engine::Fuel;
use crate::wasi::{Access, WasiCtx, WasiError};

/// What both commands print for `--help`, after their own first lines.
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

/// The exit code for a program that trapped.
pub const TRAPPED: u8 = 134;
/// The exit code for a command line that is wrong.
pub const USAGE: u8 = 2;

/// What to do about imports that nobody defines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownImports {
    /// The program is not started.
    #[default]
    Refused,
    /// The program is started, and a call of one traps.
    Trap,
}

/// In which form the program comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A module, to be compiled.
    #[default]
    Module,
    /// An artefact, native code that is trusted.
    Artefact,
}

/// What a command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    directories: Vec<(PathBuf, OsString, Access)>,
    environment: Vec<(OsString, OsString)>,
    /// What the program may use.
    pub allowance: Allowance,
    /// What to do about imports that nobody defines.
    pub unknown_imports: UnknownImports,
    /// The export to call instead of the main function.
    pub invoke: Option<String>,
    /// Where compiled code is kept, if anywhere. Artefacts have no use for it.
    pub cache: Option<PathBuf>,
    /// The form of the program.
    pub form: Form,
    /// The program's file.
    pub program: OsString,
    arguments: Vec<OsString>,
}

/// What a command line says.
#[derive(Clone, Debug)]
pub enum Request {
    /// To print the help.
    Help,
    /// To run a program.
    Run(Box<Options>),
}

impl Options {
    /// Reads the words of a command line after the command's own name. `form` is what the command runs
    /// by default; `--artifact` asks for an artefact.
    ///
    /// # Errors
    /// What is wrong, in words.
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

    /// Whether code must count what it executes.
    pub fn fuel(&self) -> Fuel {
        match self.allowance.fuel {
            Some(_) => Fuel::Metered,
            None => Fuel::Off,
        }
    }

    /// The program's context: the host's standard streams, its arguments, and what was granted.
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

/// What an option without a value does.
enum Flag {
    Set,
    Help,
}

/// What is before and after the first place of a separator.
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

/// An error with its causes, each said once, and with limits named as the command's options.
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

/// The bytes of a file, or of standard input for `-`.
///
/// # Errors
/// What the system says.
pub fn read(program: &OsStr) -> std::io::Result<Vec<u8>> {
    if program == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(program)
}
