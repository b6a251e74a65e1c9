//! `keel-run`: runs a `.keel` artefact as a WASI program, as fast from nothing as can be.
//!
//! It carries no compiler, and starts without what Rust's runtime does before `main`: it has no use for
//! a stack guard of its own, and does itself what it needs of it. Link it statically and at a fixed
//! address, so that neither a dynamic loader nor relocations come first:
//! `RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --release -p keel-run
//! --target x86_64-unknown-linux-gnu`. What `bench` measures is built so (runtimes/targets.toml), and so
//! is the other engines' smallest process.
#![no_main]

use std::io::Write as _;

use keel::command::{self, Form, Options, Request};
use keel::{Config, Engine, Error, Module};

/// Where the C library hands over. The arguments are the process's own, which `std::env` knows as well.
#[unsafe(no_mangle)]
extern "C" fn main(_count: libc::c_int, _arguments: *const *const libc::c_char) -> libc::c_int {
    // A guest that writes to a closed pipe is told so.
    // SAFETY: ignoring a signal has no handler that could do wrong.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let code = match open_standard_streams() {
        true => start(),
        false => command::USAGE,
    };
    // Nothing is left to be done: there are no buffers and no threads.
    // SAFETY: ends the process.
    unsafe { libc::_exit(code.into()) }
}

/// Opens `/dev/null` for each standard stream that is closed: otherwise the next file that is opened,
/// the artefact itself, would be the guest's. False if that cannot be done.
fn open_standard_streams() -> bool {
    let stream = |fd| libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    };
    let mut streams = [stream(0), stream(1), stream(2)];
    // SAFETY: three records; no waiting.
    let found = unsafe { libc::poll(streams.as_mut_ptr(), 3, 0) };
    if found == 0 {
        return true;
    }
    let mut closed = streams
        .iter()
        .filter(|stream| stream.revents & libc::POLLNVAL != 0);
    // The lowest free number is taken, so they come in order.
    // SAFETY: a constant path.
    let open = || unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
    found > 0 && closed.all(|stream| open() == stream.fd)
}

/// Says what is wrong. That nobody can be told changes nothing.
fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "keel-run: {message}");
}

/// Does what the command line says; the exit code.
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
        // SAFETY: this command runs artefacts only: whoever calls it says that the code is to be trusted.
        true => unsafe { Module::deserialize(&engine, &command::read(&options.program)?)? },
        // SAFETY: as above.
        false => unsafe { Module::deserialize_file(&engine, &options.program)? },
    };
    // Nor is the module taken apart.
    let module = std::mem::ManuallyDrop::new(module);
    let context = options.context()?;
    let (allowance, unknown) = (options.allowance, options.unknown_imports);
    let invoke = options.invoke.as_deref();
    Ok(command::run_last(
        &module, context, allowance, unknown, invoke,
    )?)
}
