//! One process, one WASI command, on WasmEdge: the process that `bench` starts at L3 and above.
//!
//! `wasmedge-runner [--interpret | --compile] [--dir] [--grant HOST::GUEST].. [--env NAME=VALUE]..
//! [--max-memory BYTES] [--timeout MILLISECONDS] FILE NAME [ARG..]`: FILE is what was compiled ahead of time, or with `--interpret` or `--compile` a
//! `.wasm`, which `--compile` compiles first; `--dir` preopens the working directory for reading,
//! `--grant` any directory for reading and writing. The guest has the process's streams and its exit
//! code; a trap ends the process with 134.

use std::convert::Infallible;
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adapter_wasmedge::{Access, Engine, Failure, Given, Interruptible, Limits, Mode, Module};

/// What is to be run.
struct Task {
    code: Code,
    /// The working directory, for reading.
    own: bool,
    grants: Vec<(PathBuf, String)>,
    variables: Vec<String>,
    limits: Limits,
    /// With it compiled code must be such as looks for an interruption.
    timeout: Option<Duration>,
    file: PathBuf,
    args: Vec<String>,
}

/// What the file is, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// Compiled ahead of time.
    Compiled,
    /// A `.wasm` that is interpreted.
    Interpreted,
    /// A `.wasm` that is compiled and then loaded.
    CompiledNow,
}

fn main() {
    let Some(task) = task() else {
        eprintln!(
            "usage: wasmedge-runner [--interpret | --compile] [--dir] [--grant HOST::GUEST].. \
             [--env NAME=VALUE].. [--max-memory BYTES] [--timeout MILLISECONDS] FILE NAME [ARG..]"
        );
        std::process::exit(2);
    };
    let Err(error) = run(&task);
    eprintln!("running {}: {error}", task.file.display());
    std::process::exit(134)
}

fn task() -> Option<Task> {
    let mut args = std::env::args().skip(1);
    let mut task = Task {
        code: Code::Compiled,
        own: false,
        grants: Vec::new(),
        variables: Vec::new(),
        limits: Limits::default(),
        timeout: None,
        file: PathBuf::new(),
        args: Vec::new(),
    };
    loop {
        let arg = args.next()?;
        match arg.as_str() {
            "--interpret" => task.code = Code::Interpreted,
            "--compile" => task.code = Code::CompiledNow,
            "--dir" => task.own = true,
            "--grant" => {
                let grant = args.next()?;
                let (directory, name) = grant.split_once("::")?;
                task.grants.push((directory.into(), name.to_owned()));
            }
            "--env" => task.variables.push(args.next()?),
            "--max-memory" => task.limits.memory_bytes = Some(args.next()?.parse().ok()?),
            "--timeout" => {
                task.timeout = Some(Duration::from_millis(args.next()?.parse().ok()?));
                task.limits.interruptible = Interruptible::Yes;
            }
            _ => {
                task.file = arg.into();
                break;
            }
        }
    }
    task.args = args.collect();
    (!task.args.is_empty()).then_some(task)
}

/// Comes back only if something failed.
fn run(task: &Task) -> Result<Infallible, Failure> {
    let mode = match task.code {
        Code::Compiled | Code::CompiledNow => Mode::Aot,
        Code::Interpreted => Mode::Interpreter,
    };
    let engine = Engine::held(mode, task.limits)?;
    let module = match task.code {
        Code::Compiled | Code::Interpreted => engine.load(&task.file)?,
        Code::CompiledNow => compiled_now(&engine, &task.file)?,
    };
    let mut given = Given::args(&task.args)?;
    if task.own {
        given.directory(Path::new("."), ".", Access::Read)?;
    }
    for (directory, name) in &task.grants {
        given.directory(directory, name, Access::Write)?;
    }
    for variable in &task.variables {
        given.variable(variable)?;
    }
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let streams = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    let mut instance = engine.instantiate(&module, &given, streams)?;
    let code = match task.timeout {
        None => instance.start()?,
        Some(time) => instance.start_within(time)?,
    };
    // Not by returning: the kernel takes an address space apart faster than destructors do.
    std::process::exit(code)
}

/// By way of a file that is gone again: the compiler writes files, and nothing else.
fn compiled_now(engine: &Engine, wasm: &Path) -> Result<Module, Failure> {
    let bytes = fs::read(wasm).map_err(|error| Failure::new("reading it", &error))?;
    let library = std::env::temp_dir().join(format!("wasmedge-runner-{}.so", std::process::id()));
    let module = engine
        .compile(&bytes, &library)
        .and_then(|()| engine.load(&library));
    let _ = fs::remove_file(&library);
    module
}
