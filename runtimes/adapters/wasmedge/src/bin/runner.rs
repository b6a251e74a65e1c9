//! Runs one WASI command on WasmEdge in one process, for boundaries L3 and above.
//!
//! See [`plimsoll_adapter::runner`] for the command line. FILE is code compiled ahead of time, or a `.wasm` with
//! `--interpret` or `--compile`; `--compile` compiles it first. With `--timeout`, compiled code must be interruptible.

use std::convert::Infallible;
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use adapter_wasmedge::{Access, Engine, Failure, Given, Interruptible, Limits, Mode, Module};
use plimsoll_adapter::protocol;
use plimsoll_adapter::runner::{Own, TRAPPED, Task};

/// How to run the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// Compiled ahead of time.
    Compiled,
    /// A `.wasm` to interpret.
    Interpreted,
    /// A `.wasm` to compile and load.
    CompiledNow,
}

const OWN: &[Own] = &[
    Own {
        name: "interpret",
        value: None,
    },
    Own {
        name: "compile",
        value: None,
    },
];

fn main() {
    let task = Task::of_this_process("wasmedge-runner", OWN);
    let Err(error) = run(&task);
    eprintln!("running {}: {error}", task.file.display());
    std::process::exit(TRAPPED)
}

/// Returns only on failure.
fn run(task: &Task) -> Result<Infallible, Failure> {
    let code = match (task.has("interpret"), task.has("compile")) {
        (true, _) => Code::Interpreted,
        (_, true) => Code::CompiledNow,
        (false, false) => Code::Compiled,
    };
    let mode = match code {
        Code::Compiled | Code::CompiledNow => Mode::Aot,
        Code::Interpreted => Mode::Interpreter,
    };
    let limits = Limits {
        memory_bytes: task.max_memory.map(|bytes| bytes as u64),
        interruptible: match task.timeout {
            Some(_) => Interruptible::Yes,
            None => Limits::default().interruptible,
        },
    };
    let engine = Engine::held(mode, limits)?;
    let module = match code {
        Code::Compiled | Code::Interpreted => engine.load(&task.file)?,
        Code::CompiledNow => compiled_now(&engine, &task.file)?,
    };
    let mut given = Given::args(&task.args)?;
    for folder in &task.folders {
        let access = match folder.access {
            protocol::Access::Read => Access::Read,
            protocol::Access::Write => Access::Write,
        };
        given.directory(&folder.host, &folder.guest, access)?;
    }
    for (name, value) in &task.env {
        given.variable(&format!("{name}={value}"))?;
    }
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let streams = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    let mut instance = engine.instantiate(&module, &given, streams)?;
    let code = match task.timeout {
        None => instance.start()?,
        Some(time) => instance.start_within(time)?,
    };
    // Exit without returning: the kernel frees an address space faster than destructors do.
    std::process::exit(code)
}

/// Uses a temporary file, because the compiler can only write files.
fn compiled_now(engine: &Engine, wasm: &Path) -> Result<Module, Failure> {
    let bytes = fs::read(wasm).map_err(|error| Failure::new("reading it", &error))?;
    let library = std::env::temp_dir().join(format!("wasmedge-runner-{}.so", std::process::id()));
    let module = engine
        .compile(&bytes, &library)
        .and_then(|()| engine.load(&library));
    let _ = fs::remove_file(&library);
    module
}
