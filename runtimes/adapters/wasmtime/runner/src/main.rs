//! One process, one WASI command, on Wasmtime: the process that `bench` starts at L3 and above.
//!
//! `wasmtime-runner [--compile] [--winch] [--dir] [--grant HOST::GUEST].. [--env NAME=VALUE]..
//! [--max-memory BYTES] [--timeout MILLISECONDS] FILE NAME [ARG..]`: FILE is an artefact, or with `--compile` a `.wasm`; `--dir` preopens the
//! working directory for reading, `--grant` any directory for reading and writing. With a timeout, an
//! artefact must be one whose code looks at epochs. The guest has
//! the process's stdio and its exit code; a trap ends the process with 134, as `wasmtime run` does.
//! Built without its default feature it is the smallest Wasmtime process: no compiler, and the
//! artefact is one of `Setup::Smallest`.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use wasmtime::{Engine, Linker, Module, Result, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_runner::{Compiler, Interruption, Setup, configuration, exit_code, guest, runtime};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::p1::{self, WasiP1Ctx};

/// What is to be run.
struct Task {
    compile: bool,
    compiler: Compiler,
    directory: Option<&'static Path>,
    grants: Vec<(String, String)>,
    env: Vec<(String, String)>,
    max_memory: Option<usize>,
    timeout: Option<Duration>,
    file: String,
    args: Vec<String>,
}

fn main() {
    let Some(task) = task() else {
        eprintln!(
            "usage: wasmtime-runner [--compile] [--winch] [--dir] [--grant HOST::GUEST].. \
             [--env NAME=VALUE].. [--max-memory BYTES] [--timeout MILLISECONDS] FILE NAME [ARG..]"
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
        max_memory: None,
        timeout: None,
        file: String::new(),
        args: Vec::new(),
    };
    loop {
        let arg = args.next()?;
        match arg.as_str() {
            "--compile" => task.compile = true,
            "--winch" => task.compiler = Compiler::Winch,
            "--dir" => task.directory = Some(Path::new(".")),
            "--grant" => task.grants.push(pair(&args.next()?, "::")?),
            "--env" => task.env.push(pair(&args.next()?, "=")?),
            "--max-memory" => task.max_memory = Some(args.next()?.parse().ok()?),
            "--timeout" => {
                task.timeout = Some(Duration::from_millis(args.next()?.parse().ok()?));
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

/// What a guest's store holds.
struct Host {
    wasi: WasiP1Ctx,
    limits: StoreLimits,
}

/// Comes back only if something failed.
fn run(task: &Task) -> Result<Infallible> {
    let setup = if cfg!(feature = "compilers") {
        Setup::Default
    } else {
        Setup::Smallest
    };
    let _entered = runtime(setup)?.map(|runtime| runtime.enter());
    let interruption = match task.timeout {
        None => Interruption::None,
        Some(_) => Interruption::Epochs,
    };
    let engine = Engine::new(interruption.set(&mut configuration(task.compiler, setup)))?;
    let module = module(&engine, task)?;
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |host: &mut Host| &mut host.wasi)?;
    let mut context = guest(&task.args, task.directory)?;
    for (host, name) in &task.grants {
        context.preopened_dir(host, name, FsPerms::ReadWrite)?;
    }
    for (name, value) in &task.env {
        context.env(name, value);
    }
    let limits = StoreLimitsBuilder::new();
    let limits = match task.max_memory {
        None => limits,
        Some(bytes) => limits.memory_size(bytes),
    };
    let host = Host {
        wasi: context.inherit_stdio().build_p1(),
        limits: limits.build(),
    };
    let mut store = Store::new(&engine, host);
    if task.max_memory.is_some() {
        store.limiter(|host| &mut host.limits);
    }
    if let Some(timeout) = task.timeout {
        store.set_epoch_deadline(1);
        let engine = engine.clone();
        std::thread::spawn(move || {
            std::thread::sleep(timeout);
            engine.increment_epoch();
        });
    }
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
