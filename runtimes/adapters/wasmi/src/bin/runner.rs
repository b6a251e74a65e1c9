//! Runs one WASI command on wasmi in one process, for boundaries L3 and above.
//!
//! See [`plimsoll_adapter::runner`] for the command line. FILE is a `.wasm`.

use std::convert::Infallible;

use adapter_wasmi::{Failure, Interpreter, Limits, grant, wasi};
use plimsoll_adapter::runner::{TRAPPED, Task};

fn main() {
    let task = Task::of_this_process("wasmi-runner", &[]);
    let Err(error) = run(&task);
    eprintln!("running {}: {error}", task.file.display());
    std::process::exit(TRAPPED)
}

/// Returns only on failure.
fn run(task: &Task) -> Result<Infallible, Failure> {
    let failed = |tried: &str, said: &dyn std::fmt::Display| Failure(format!("{tried}: {said}"));
    let wasm = std::fs::read(&task.file).map_err(|error| failed("reading it", &error))?;
    let interpreter = Interpreter::held(Limits {
        memory_bytes: task.max_memory,
        time: task.timeout,
    })?;
    let module = interpreter.module(&wasm)?;
    let mut context = wasi(&task.args)?;
    // wasmi's WASI has no read-only folders.
    for folder in &task.folders {
        grant(&mut context, &folder.host, &folder.guest)?;
    }
    for (name, value) in &task.env {
        context
            .env(name, value)
            .map_err(|error| failed("setting a variable", &error))?;
    }
    let context = context.inherit_stdio().build();
    let code = interpreter.instantiate(&module, context)?.start()?;
    // Exit without returning: the kernel frees an address space faster than destructors do.
    std::process::exit(code)
}
