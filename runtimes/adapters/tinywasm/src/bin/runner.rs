//! Runs one WASI command on tinywasm in one process, for boundaries L3 and above.
//!
//! See [`plimsoll_adapter::runner`] for the command line. FILE is a `.wasm`.

use std::convert::Infallible;
use std::io;

use adapter_tinywasm::{Failure, Wasi, instantiate, missing, module};
use plimsoll_adapter::protocol::Access;
use plimsoll_adapter::runner::{TRAPPED, Task};

fn main() {
    let task = Task::of_this_process("tinywasm-runner", &[]);
    let Err(error) = run(&task);
    eprintln!("running {}: {error}", task.file.display());
    std::process::exit(TRAPPED)
}

/// Returns only on failure.
fn run(task: &Task) -> Result<Infallible, Failure> {
    if task.max_memory.is_some() {
        let why = "tinywasm has no limit of memory: leave --max-memory out";
        return Err(Failure(why.to_owned()));
    }
    let wasm =
        std::fs::read(&task.file).map_err(|error| Failure(format!("reading it: {error}")))?;
    let module = module(&wasm)?;
    if let Some(call) = missing(&module) {
        let why = format!("it imports {call}, which this runner's WASI does not have");
        return Err(Failure(why));
    }
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let mut wasi = Wasi::new(
        &task.args,
        Box::new(stdin),
        Box::new(stdout),
        Box::new(stderr),
    );
    for folder in &task.folders {
        if folder.access == Access::Write {
            let (host, guest) = (folder.host.display(), &folder.guest);
            let why = format!("this runner's WASI only reads: use --dir {host}::{guest}::ro");
            return Err(Failure(why));
        }
        wasi.grant(&folder.host, &folder.guest)?;
    }
    for (name, value) in &task.env {
        wasi.env(name, value);
    }
    let mut instance = instantiate(&module, wasi)?;
    let code = match task.timeout {
        None => instance.start()?,
        Some(time) => instance.start_within(time)?,
    };
    // Exit without returning: the kernel frees an address space faster than destructors do.
    std::process::exit(code)
}
