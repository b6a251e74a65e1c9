//! One process, one WASI command, on WasmEdge: the process that `bench` starts at L3 and above.
//!
//! `wasmedge-runner [--interpret] [--dir | --writable-dir] [--env NAME=VALUE].. FILE NAME [ARG..]`:
//! FILE is what was compiled ahead of time, or with `--interpret` a `.wasm`; `--dir` preopens the
//! working directory for reading, `--writable-dir` for writing too. The guest has the process's streams
//! and its exit code; a trap ends the process with 134.

use std::convert::Infallible;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use adapter_wasmedge::{Engine, Failure, Granted, Mode};

/// What is to be run.
struct Task {
    mode: Mode,
    granted: Option<Granted<'static>>,
    env: Vec<String>,
    file: PathBuf,
    args: Vec<String>,
}

fn main() {
    let Some(task) = task() else {
        eprintln!(
            "usage: wasmedge-runner [--interpret] [--dir | --writable-dir] [--env NAME=VALUE].. FILE \
             NAME [ARG..]"
        );
        std::process::exit(2);
    };
    let Err(error) = run(&task);
    eprintln!("running {}: {error}", task.file.display());
    std::process::exit(134)
}

fn task() -> Option<Task> {
    let mut args = std::env::args().skip(1);
    let (mut mode, mut granted, mut env) = (Mode::Aot, None, Vec::new());
    let file = loop {
        let arg = args.next()?;
        match arg.as_str() {
            "--interpret" => mode = Mode::Interpreter,
            "--dir" => granted = Some(Granted::Read(Path::new("."))),
            "--writable-dir" => granted = Some(Granted::Write(Path::new("."))),
            "--env" => env.push(args.next()?),
            _ => break arg.into(),
        }
    };
    let args: Vec<_> = args.collect();
    (!args.is_empty()).then_some(Task {
        mode,
        granted,
        env,
        file,
        args,
    })
}

/// Comes back only if something failed.
fn run(task: &Task) -> Result<Infallible, Failure> {
    let engine = Engine::new(task.mode)?;
    let module = engine.load(&task.file)?;
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let streams = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    let mut instance = engine.instantiate(&module, &task.args, &task.env, task.granted, streams)?;
    let code = instance.start()?;
    // Not by returning: the kernel takes an address space apart faster than destructors do.
    std::process::exit(code)
}
