//! `keel-run`: runs a `.keel` artefact as a WASI program, with the shortest possible start-up.
//!
//! It contains no compiler and skips what Rust's runtime does before `main`; `main` does the part
//! that it needs. Link it statically at a fixed address, so that no dynamic loader and no
//! relocations run first: `RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static"
//! cargo build --release -p keel-run --target x86_64-unknown-linux-gnu`. `bench` measures this
//! build (runtimes/targets.toml), and builds the other engines' minimal runners the same way.
#![no_main]

use std::io::Write as _;

use keel::command::{self, Form, Options, Request};
use keel::{Config, Engine, Error, Module};

/// The entry point that the C library calls. `std::env` provides the arguments.
#[unsafe(no_mangle)]
extern "C" fn main(_count: libc::c_int, _arguments: *const *const libc::c_char) -> libc::c_int {
    // A guest that writes to a closed pipe must get an error, not die.
    // SAFETY: `SIG_IGN` installs no handler, so no code of ours runs on the signal.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let code = match open_standard_streams() {
        true => start(),
        false => command::USAGE,
    };
    // Skips destructors and exit handlers: no buffered output is left.
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code.into()) }
}

/// Opens `/dev/null` for each closed standard stream. Otherwise the next file opened, the artefact
/// itself, would become one of the guest's streams. Returns false on failure.
fn open_standard_streams() -> bool {
    let stream = |fd| libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    };
    let mut streams = [stream(0), stream(1), stream(2)];
    // SAFETY: `streams` has three records, and the timeout of zero returns at once.
    let found = unsafe { libc::poll(streams.as_mut_ptr(), 3, 0) };
    if found == 0 {
        return true;
    }
    let mut closed = streams
        .iter()
        .filter(|stream| stream.revents & libc::POLLNVAL != 0);
    // `open` takes the lowest free number, so the streams are filled in order.
    // SAFETY: the path is a constant NUL-terminated string.
    let open = || unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
    found > 0 && closed.all(|stream| open() == stream.fd)
}

/// Prints an error. A failure to print is ignored: there is nowhere left to report it.
fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "keel-run: {message}");
}

/// Runs the command line and returns the exit code.
fn start() -> u8 {
    let options = match Options::parse(std::env::args_os().skip(1), Form::Artefact) {
        Ok(Request::Run(options)) => options,
        Ok(Request::Help) => {
            let help = format!(
                "Runs a WASI program, given as a .keel artefact: native code that you trust.\n\n\
                 usage: keel-run [OPTION].. PROGRAM [ARGUMENT]..\n\n{}",
                command::HELP
            );
            return match std::io::stdout().write_all(help.as_bytes()) {
                Ok(()) => 0,
                Err(_) => 1,
            };
        }
        Err(message) => {
            complain(&message);
            return command::USAGE;
        }
    };
    match run(&options) {
        Ok(code) => code as u8,
        Err(error) => {
            complain(&command::explain(error.as_ref()));
            match error.downcast_ref::<Error>().and_then(Error::as_trap) {
                Some(_) => command::TRAPPED,
                None => 1,
            }
        }
    }
}

fn run(options: &Options) -> Result<i32, Box<dyn std::error::Error>> {
    let engine = Engine::new(Config::new().fuel(options.fuel()));
    let module = match options.program == "-" {
        // SAFETY: this command runs only artefacts, and its help states that their code must be
        // trusted.
        true => unsafe { Module::deserialize(&engine, &command::read(&options.program)?)? },
        // SAFETY: as above.
        false => unsafe { Module::deserialize_file(&engine, &options.program)? },
    };
    // Freeing the module just before the process exits would only cost time.
    let module = std::mem::ManuallyDrop::new(module);
    let context = options.context()?;
    let (allowance, unknown) = (options.allowance, options.unknown_imports);
    let invoke = options.invoke.as_deref();
    Ok(command::run_last(
        &module, context, allowance, unknown, invoke,
    )?)
}
