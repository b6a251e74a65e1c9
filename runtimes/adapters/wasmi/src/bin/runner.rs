//! One process, one WASI command, on wasmi: the process that `bench` starts at L3 and above.
//!
//! `wasmi-runner [--dir] [--grant HOST::GUEST].. [--env NAME=VALUE].. [--max-memory BYTES]
//! [--timeout MILLISECONDS] FILE NAME [ARG..]`: `--dir` preopens the working directory, `--grant` any directory. The guest has the process's streams and
//! its exit code; a trap ends the process with 134.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use adapter_wasmi::{Failure, Interpreter, Limits, grant, wasi};

/// What is to be run.
#[derive(Default)]
struct Task {
    /// Directories, and what the guest calls them.
    grants: Vec<(PathBuf, String)>,
    env: Vec<(String, String)>,
    limits: Limits,
    file: String,
    args: Vec<String>,
}

fn main() {
    let Some(task) = task() else {
        eprintln!(
            "usage: wasmi-runner [--dir] [--grant HOST::GUEST].. [--env NAME=VALUE].. \
             [--max-memory BYTES] [--timeout MILLISECONDS] FILE NAME [ARG..]"
        );
        std::process::exit(2);
    };
    let Err(error) = run(&task);
    eprintln!("running {}: {error}", task.file);
    std::process::exit(134)
}

fn task() -> Option<Task> {
    let mut args = std::env::args().skip(1);
    let mut task = Task::default();
    loop {
        let arg = args.next()?;
        match arg.as_str() {
            "--dir" => task.grants.push((".".into(), ".".to_owned())),
            "--grant" => {
                let (directory, name) = pair(&args.next()?, "::")?;
                task.grants.push((directory.into(), name));
            }
            "--env" => task.env.push(pair(&args.next()?, "=")?),
            "--max-memory" => task.limits.memory_bytes = Some(args.next()?.parse().ok()?),
            "--timeout" => {
                let time = Duration::from_millis(args.next()?.parse().ok()?);
                task.limits.time = Some(time);
            }
            _ => {
                task.file = arg;
                break;
            }
        }
    }
    task.args = args.collect();
    (!task.args.is_empty()).then_some(task)
}

fn pair(text: &str, between: &str) -> Option<(String, String)> {
    let (first, second) = text.split_once(between)?;
    Some((first.to_owned(), second.to_owned()))
}

/// Comes back only if something failed.
fn run(task: &Task) -> Result<Infallible, Failure> {
    let failed = |tried: &str, said: &dyn std::fmt::Display| Failure(format!("{tried}: {said}"));
    let wasm = std::fs::read(&task.file).map_err(|error| failed("reading it", &error))?;
    let interpreter = Interpreter::held(task.limits)?;
    let module = interpreter.module(&wasm)?;
    let mut context = wasi(&task.args)?;
    for (directory, name) in &task.grants {
        grant(&mut context, directory, name)?;
    }
    for (name, value) in &task.env {
        context
            .env(name, value)
            .map_err(|error| failed("setting a variable", &error))?;
    }
    let context = context.inherit_stdio().build();
    let code = interpreter.instantiate(&module, context)?.start()?;
    // Not by returning: the kernel takes an address space apart faster than destructors do.
    std::process::exit(code)
}
