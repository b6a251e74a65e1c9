//! One process, one WASI command, on wasmi: the process that `bench` starts at L3 and above.
//!
//! `wasmi-runner [--dir] [--env NAME=VALUE].. FILE NAME [ARG..]`: `--dir` preopens the working
//! directory. The guest has the process's streams and its exit code; a trap ends the process with 134.

use std::convert::Infallible;
use std::path::Path;

use adapter_wasmi::{Failure, Interpreter, wasi};

/// What is to be run.
struct Task {
    directory: Option<&'static Path>,
    env: Vec<(String, String)>,
    file: String,
    args: Vec<String>,
}

fn main() {
    let Some(task) = task() else {
        eprintln!("usage: wasmi-runner [--dir] [--env NAME=VALUE].. FILE NAME [ARG..]");
        std::process::exit(2);
    };
    let Err(error) = run(&task);
    eprintln!("running {}: {error}", task.file);
    std::process::exit(134)
}

fn task() -> Option<Task> {
    let mut args = std::env::args().skip(1);
    let (mut directory, mut env) = (None, Vec::new());
    let file = loop {
        let arg = args.next()?;
        match arg.as_str() {
            "--dir" => directory = Some(Path::new(".")),
            "--env" => {
                let variable = args.next()?;
                let (name, value) = variable.split_once('=')?;
                env.push((name.to_owned(), value.to_owned()));
            }
            _ => break arg,
        }
    };
    let args: Vec<_> = args.collect();
    (!args.is_empty()).then_some(Task {
        directory,
        env,
        file,
        args,
    })
}

/// Comes back only if something failed.
fn run(task: &Task) -> Result<Infallible, Failure> {
    let wasm =
        std::fs::read(&task.file).map_err(|error| Failure(format!("reading it: {error}")))?;
    let interpreter = Interpreter::new()?;
    let module = interpreter.module(&wasm)?;
    let env = task.env.iter().map(|(name, value)| (name, value));
    let context = wasi(&task.args, env, task.directory)?
        .inherit_stdio()
        .build();
    let code = interpreter.instantiate(&module, context)?.start()?;
    // Not by returning: the kernel takes an address space apart faster than destructors do.
    std::process::exit(code)
}
