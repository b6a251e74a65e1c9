//! One process, one WASI command, on Wasmtime: the process that `bench` starts at L3 and above.
//!
//! `wasmtime-runner [--compile] [--winch | --pulley] [--dir] [--grant HOST::GUEST].. \
//! [--env NAME=VALUE].. FILE NAME [ARG..]`: FILE is an artefact, or with `--compile` a `.wasm`; `--dir` preopens the
//! working directory for reading, `--grant` any directory for reading and writing. The guest has
//! the process's stdio and its exit code; a trap ends the process with 134, as `wasmtime run` does.
//! Built without its default feature it is the smallest Wasmtime process: no compiler, and the
//! artefact is one of `Setup::Smallest`.

use std::convert::Infallible;
use std::path::Path;

use wasmtime::{Engine, Module, Result, Store};
use wasmtime_runner::{Compiler, Setup, configuration, exit_code, guest, linker, runtime};
use wasmtime_wasi::FsPerms;

/// What is to be run.
struct Task {
    compile: bool,
    compiler: Compiler,
    directory: Option<&'static Path>,
    grants: Vec<(String, String)>,
    env: Vec<(String, String)>,
    file: String,
    args: Vec<String>,
}

fn main() {
    let Some(task) = task() else {
        eprintln!(
            "usage: wasmtime-runner [--compile] [--winch | --pulley] [--dir] [--grant HOST::GUEST].. \
             [--env NAME=VALUE].. FILE NAME [ARG..]"
        );
        std::process::exit(2);
    };
    let Err(error) = run(&task);
    eprintln!("running {}: {error:?}", task.file);
    std::process::exit(134)
}

fn task() -> Option<Task> {
    let mut args = std::env::args().skip(1);
    let mut task = Task {
        compile: false,
        compiler: Compiler::Cranelift,
        directory: None,
        grants: Vec::new(),
        env: Vec::new(),
        file: String::new(),
        args: Vec::new(),
    };
    loop {
        let arg = args.next()?;
        match arg.as_str() {
            "--compile" => task.compile = true,
            "--winch" => task.compiler = Compiler::Winch,
            "--pulley" => task.compiler = Compiler::Pulley,
            "--dir" => task.directory = Some(Path::new(".")),
            "--grant" => task.grants.push(pair(&args.next()?, "::")?),
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

/// Comes back only if something failed.
fn run(task: &Task) -> Result<Infallible> {
    let setup = if cfg!(feature = "compilers") {
        Setup::Default
    } else {
        Setup::Smallest
    };
    let _entered = runtime(setup)?.map(|runtime| runtime.enter());
    let engine = Engine::new(&configuration(task.compiler, setup))?;
    let module = module(&engine, task)?;
    let linker = linker(&engine)?;
    let mut context = guest(&task.args, task.directory)?;
    for (host, name) in &task.grants {
        context.preopened_dir(host, name, FsPerms::ReadWrite)?;
    }
    for (name, value) in &task.env {
        context.env(name, value);
    }
    let context = context.inherit_stdio().build_p1();
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let code = exit_code(start.call(&mut store, ()))?;
    // Not by returning: the kernel takes an address space apart faster than destructors do.
    std::process::exit(code)
}

fn module(engine: &Engine, task: &Task) -> Result<Module> {
    if task.compile {
        return compile(engine, &task.file);
    }
    // SAFETY: the file is what `prepare` of the adapter wrote with this engine's own
    // serialisation; nobody else writes to the pair's directory.
    unsafe { Module::deserialize_file(engine, &task.file) }
}

#[cfg(feature = "compilers")]
fn compile(engine: &Engine, file: &str) -> Result<Module> {
    Module::from_file(engine, file)
}

#[cfg(not(feature = "compilers"))]
fn compile(_: &Engine, file: &str) -> Result<Module> {
    wasmtime::bail!("cannot compile {file}: this runner carries no compiler")
}
