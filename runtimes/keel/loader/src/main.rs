//! `keel-run`: runs a `.keel` artefact as a WASI program, as fast from nothing as can be.
//!
//! It carries no compiler, and starts without what Rust's runtime does before `main`: it has no use for
//! a stack guard of its own, and sets the one signal that matters itself. Link it statically and at a
//! fixed address, so that neither a dynamic loader nor relocations come first:
//! `RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --release -p keel-run
//! --target x86_64-unknown-linux-gnu`. What `bench` measures is built so (runtimes/targets.toml), and so
//! is the other engines' smallest process.
#![no_main]

use std::time::Duration;

use keel::command::{self, Allowance};
use keel::wasi::{Access, WasiCtx};
use keel::{Config, Engine, Error, Fuel, Limits, Module};

const USAGE: &str = "usage: keel-run [--dir HOST[::GUEST[::ro]]].. [--env NAME[=VALUE]].. [--fuel N] \
[--timeout SECONDS] [--max-memory BYTES] PROGRAM.keel [ARGUMENT]..";

/// What the command line asks for.
#[derive(Default)]
struct Args {
    directories: Vec<(String, String, Option<Access>)>,
    environment: Vec<(String, String)>,
    fuel: Option<u64>,
    timeout: Option<Duration>,
    limits: Limits,
    program: String,
    arguments: Vec<String>,
}

/// Where the C library hands over. The arguments are the process's own, which `std::env` knows as well.
#[unsafe(no_mangle)]
extern "C" fn main(_count: libc::c_int, _arguments: *const *const libc::c_char) -> libc::c_int {
    // A guest that writes to a closed pipe is told so.
    // SAFETY: ignoring a signal has no handler that could do wrong.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let code = match parse(std::env::args().skip(1)) {
        Ok(args) => run(args).unwrap_or_else(|error| {
            eprintln!("keel-run: {error}");
            let error = error.downcast_ref::<Error>();
            if error.is_some_and(|error| error.as_trap().is_some()) {
                134
            } else {
                1
            }
        }),
        Err(message) => {
            eprintln!("keel-run: {message}\n{USAGE}");
            2
        }
    };
    // Nothing is left to be done: there are no buffers and no threads.
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args::default();
    loop {
        let Some(word) = words.next() else {
            return Err("no program given".to_owned());
        };
        if !word.starts_with("--") {
            args.program = word;
            args.arguments = words.collect();
            return Ok(args);
        }
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        let value = attached
            .or_else(|| words.next())
            .ok_or_else(|| format!("{name} needs a value"))?;
        let number = |error: &dyn std::fmt::Display| format!("{name} {value}: {error}");
        match name.as_str() {
            "--dir" => {
                let mut parts = value.splitn(3, "::");
                let host = parts.next().unwrap_or_default().to_owned();
                let guest = parts.next().unwrap_or(&host).to_owned();
                let access = match parts.next() {
                    None => None,
                    Some("ro") => Some(Access::ReadOnly),
                    Some(other) => return Err(format!("--dir {value}: `{other}` is not `ro`")),
                };
                args.directories.push((host, guest, access));
            }
            "--env" => args.environment.push(match value.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => {
                    let own = std::env::var(&value).map_err(|error| number(&error))?;
                    (value, own)
                }
            }),
            "--fuel" => args.fuel = Some(value.parse().map_err(|error| number(&error))?),
            "--timeout" => {
                let seconds = value.parse().map_err(|error| number(&error))?;
                let timeout = Duration::try_from_secs_f64(seconds);
                args.timeout = Some(timeout.map_err(|error| number(&error))?);
            }
            "--max-memory" => {
                args.limits.memory_bytes = value.parse().map_err(|error| number(&error))?;
            }
            _ => return Err(format!("unknown option {name}")),
        }
    }
}

fn run(args: Args) -> Result<i32, Box<dyn std::error::Error>> {
    let fuel = if args.fuel.is_some() {
        Fuel::Metered
    } else {
        Fuel::Off
    };
    let engine = Engine::new(Config::new().fuel(fuel));
    let module = Module::deserialize_file(&engine, &args.program)?;
    let mut wasi = WasiCtx::builder()
        .inherit_stdio()
        .arg(args.program)
        .args(args.arguments);
    for (name, value) in args.environment {
        wasi = wasi.env(name, value);
    }
    for (host, guest, access) in args.directories {
        wasi = wasi.directory(host, guest, access.unwrap_or(Access::ReadWrite));
    }
    let allowance = Allowance {
        timeout: args.timeout,
        fuel: args.fuel,
        limits: args.limits,
    };
    // Nor is the module taken apart.
    let module = std::mem::ManuallyDrop::new(module);
    Ok(command::run_last(&module, wasi.build()?, allowance)?)
}
