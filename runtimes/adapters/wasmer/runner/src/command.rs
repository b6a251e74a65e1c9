//! The process that `bench` starts at L3 and above.

use std::path::Path;

use anyhow::{Context, Result, bail};
use wasmer::{Engine, Module};

use crate::{Host, Ready, headless};

/// What is to be run.
struct Task {
    compiler: Option<String>,
    directory: Option<&'static Path>,
    grant: Option<(String, String)>,
    env: Vec<(String, String)>,
    file: String,
    args: Vec<String>,
}

/// The `main` of a runner: `PROGRAM [--compile COMPILER] [--dir | --grant HOST::GUEST]
/// [--env NAME=VALUE].. FILE NAME [ARG..]`. FILE is an artefact for a headless engine, or with
/// `--compile` a `.wasm`, compiled by a compiler that this build carries; `--dir` gives the guest
/// the working directory for reading, `--grant` any one directory for reading and writing. The
/// guest has the process's stdio and its exit code; a trap ends the process with 134.
pub fn run_command() -> ! {
    let Some(task) = task() else {
        eprintln!(
            "usage: wasmer-runner [--compile COMPILER] [--dir | --grant HOST::GUEST] \
             [--env NAME=VALUE].. FILE NAME [ARG..]"
        );
        std::process::exit(2);
    };
    let code = run(&task).unwrap_or_else(|error| {
        eprintln!("running {}: {error:?}", task.file);
        134
    });
    // Not by returning: the kernel takes an address space apart faster than destructors do, and
    // Tokio's threads need not be waited for.
    std::process::exit(code)
}

fn task() -> Option<Task> {
    let mut args = std::env::args().skip(1);
    let mut task = Task {
        compiler: None,
        directory: None,
        grant: None,
        env: Vec::new(),
        file: String::new(),
        args: Vec::new(),
    };
    loop {
        let arg = args.next()?;
        match arg.as_str() {
            "--compile" => task.compiler = Some(args.next()?),
            "--dir" => task.directory = Some(Path::new(".")),
            "--grant" => task.grant = Some(pair(&args.next()?, "::")?),
            "--env" => task.env.push(pair(&args.next()?, "=")?),
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

fn run(task: &Task) -> Result<i32> {
    let (engine, module) = match &task.compiler {
        Some(compiler) => compile(compiler, &task.file)?,
        None => {
            let engine = headless();
            // SAFETY: the file is what `prepare` of the adapter wrote with this engine's own
            // serialisation; nobody else writes to the pair's directory.
            let module = unsafe { Module::deserialize_from_file(&engine, &task.file) }?;
            (engine, module)
        }
    };
    let host = Host::new(&engine)?;
    let _entered = host.enter();
    let mut guest = host.guest(&task.args, task.directory)?;
    if let Some((directory, name)) = &task.grant {
        host.grant(&mut guest, Path::new(directory), name)?;
    }
    for (name, value) in &task.env {
        guest.add_env(name, value);
    }
    Ready::new(&engine, &module, guest)?.start()
}

#[cfg(any(feature = "compilers", feature = "llvm"))]
fn compile(name: &str, file: &str) -> Result<(Engine, Module)> {
    use crate::{Compiler, Settings, engine};

    let Some(compiler) = Compiler::ALL.iter().find(|known| known.name() == name) else {
        let names: Vec<_> = Compiler::ALL.iter().map(|known| known.name()).collect();
        bail!(
            "{name:?} is no compiler of this runner; it has {}",
            names.join(" and ")
        );
    };
    let engine = engine(*compiler, Settings::Default);
    let module = Module::from_file(&engine, file).with_context(|| format!("compiling {file}"))?;
    Ok((engine, module))
}

#[cfg(not(any(feature = "compilers", feature = "llvm")))]
fn compile(compiler: &str, file: &str) -> Result<(Engine, Module)> {
    bail!("cannot compile {file} with {compiler}: this runner carries no compiler")
}
