//! `keel run`: runs a program.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use keel::command::{self, Form, Options, Request};
use keel::{CompileInterrupt, Engine, Error, Module};

/// Stack of the compiler thread, bytes, whatever the process's own stack limit is.
const COMPILER_STACK_BYTES: usize = 8 << 20;

/// Run a WASI program (see `keel run --help`)
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Options, the program, and its arguments
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "[OPTION].. PROGRAM [ARGUMENT].."
    )]
    words: Vec<OsString>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let options = match Options::parse(args.words, Form::Module) {
        Ok(Request::Run(options)) => options,
        Ok(Request::Help) => {
            super::engine::print(&format!(
                "Runs a WASI program, given as .wasm or .wat.\n\n\
                 usage: keel run [OPTION].. PROGRAM [ARGUMENT]..\n\n{}  \
                 --artifact                 PROGRAM is a .keel artefact: native code that you trust\n",
                command::HELP
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(message) => {
            super::complain(&message);
            return Ok(ExitCode::from(command::USAGE));
        }
    };
    let engine = super::engine::caching(options.fuel(), options.cache.as_deref())?;
    let module = match options.form {
        Form::Artefact => super::engine::artifact(&engine, &options.program)?,
        Form::Module => {
            let timeout = options.allowance.timeout;
            match compile(&engine, options.program.clone(), timeout)? {
                Some(module) => module,
                None => {
                    super::complain("trap: interrupted, while the program was compiled");
                    return Ok(ExitCode::from(command::TRAPPED));
                }
            }
        }
    };
    let mut allowance = options.allowance;
    allowance.timeout = allowance
        .timeout
        .map(|timeout| timeout.saturating_sub(begun.elapsed()));
    match command::run_last(
        &module,
        options.context()?,
        allowance,
        options.unknown_imports,
        options.invoke.as_deref(),
    ) {
        Ok(code) => Ok(ExitCode::from(code as u8)),
        Err(Error::Trap(trap)) => {
            super::complain(&trap.to_string());
            Ok(ExitCode::from(command::TRAPPED))
        }
        Err(error) => Err(error.into()),
    }
}

/// Compiles a program; `None` if that takes longer than `timeout`. The compiler runs on its own
/// thread, for its stack size and so that it can be abandoned.
fn compile(
    engine: &Engine,
    program: OsString,
    timeout: Option<Duration>,
) -> anyhow::Result<Option<Module>> {
    let (sender, receiver) = mpsc::channel();
    let engine = engine.clone();
    let interrupt = CompileInterrupt::new();
    let handle = interrupt.clone();
    let builder = std::thread::Builder::new().stack_size(COMPILER_STACK_BYTES);
    builder.spawn(move || {
        let module = super::engine::wasm(&program).and_then(|wasm| {
            let module = Module::new_interruptible(&engine, &wasm, &handle);
            anyhow::Context::with_context(module, || program.to_string_lossy().into_owned())
        });
        // The receiver is gone if the timeout has passed.
        let _ = sender.send(module);
    })?;
    let received = match timeout {
        Some(timeout) => receiver.recv_timeout(timeout),
        None => receiver.recv().map_err(Into::into),
    };
    match received {
        Ok(module) => module.map(Some),
        Err(mpsc::RecvTimeoutError::Timeout) => {
            interrupt.interrupt();
            Ok(None)
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            anyhow::bail!("the compiler ended without a module")
        }
    }
}
