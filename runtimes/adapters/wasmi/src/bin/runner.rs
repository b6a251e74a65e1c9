//! One process, one WASI command, on wasmi: the process that `bench` starts at L3 and above.
//!
//! `wasmi-runner [--dir] FILE NAME [ARG..]`: `--dir` preopens the working directory. The guest has
//! the process's streams and its exit code; a trap ends the process with 134.

use std::convert::Infallible;
use std::path::Path;

use adapter_wasmi::{Failure, Interpreter, wasi};

fn main() {
    let mut args: Vec<_> = std::env::args().skip(1).collect();
    let mut directory = None;
    if args.first().is_some_and(|first| first == "--dir") {
        args.remove(0);
        directory = Some(Path::new("."));
    }
    if args.len() < 2 {
        eprintln!("usage: wasmi-runner [--dir] FILE NAME [ARG..]");
        std::process::exit(2);
    }
    let file = args.remove(0);
    let Err(error) = run(&file, &args, directory);
    eprintln!("running {file}: {error}");
    std::process::exit(134)
}

/// Comes back only if something failed.
fn run(file: &str, args: &[String], directory: Option<&Path>) -> Result<Infallible, Failure> {
    let wasm = std::fs::read(file).map_err(|error| Failure(format!("reading it: {error}")))?;
    let interpreter = Interpreter::new()?;
    let module = interpreter.module(&wasm)?;
    let context = wasi(args, directory)?.inherit_stdio().build();
    let code = interpreter.instantiate(&module, context)?.start()?;
    // Not by returning: the kernel takes an address space apart faster than destructors do.
    std::process::exit(code)
}
