//! The runner: one process per WASI command, for boundaries L3 and above.

use std::path::Path;

use anyhow::{Context, Result, bail};
use plimsoll_adapter::protocol::Access;
use plimsoll_adapter::runner::{Own, TRAPPED, Task};
use wasmer::{Engine, Module};

use crate::{Host, Ready, headless};

const OWN: &[Own] = &[Own {
    name: "compile",
    value: Some("COMPILER"),
}];

/// The `main` of a runner; see [`plimsoll_adapter::runner`] for the command line. FILE is an artefact for a headless
/// engine, or with `--compile` a `.wasm` for one of this build's compilers. At most one `--dir` is allowed, because
/// WASIX uses it as the guest's root. Wasmer cannot limit memory or time, so those options are rejected.
pub fn run_command() -> ! {
    let task = Task::of_this_process("wasmer-runner", OWN);
    let code = run(&task).unwrap_or_else(|error| {
        eprintln!("running {}: {error:?}", task.file.display());
        TRAPPED
    });
    // Exit without returning: the kernel frees an address space faster than destructors do, and Tokio's threads need
    // not be joined.
    std::process::exit(code)
}

fn run(task: &Task) -> Result<i32> {
    if task.max_memory.is_some() || task.timeout.is_some() {
        bail!("Wasmer holds a guest neither to a size of memory nor to a time");
    }
    let (engine, module) = match task.value("compile") {
        Some(compiler) => compile(compiler, &task.file)?,
        None => {
            let engine = headless();
            // SAFETY: the adapter's `prepare` wrote the file with this engine's own serialisation, and no other process
            // writes to the pair's directory.
            let module = unsafe { Module::deserialize_from_file(&engine, &task.file) }?;
            (engine, module)
        }
    };
    let host = Host::new(&engine)?;
    let _entered = host.enter();
    let (readable, writable) = match task.folders.as_slice() {
        [] => (None, None),
        [folder] if folder.access == Access::Write => (None, Some(folder)),
        [folder] if folder.guest == "." => (Some(folder.host.as_path()), None),
        _ => bail!("a guest has one folder at most, which is called `.` if it may only be read"),
    };
    let mut guest = host.guest(&task.args, readable)?;
    if let Some(folder) = writable {
        host.grant(&mut guest, &folder.host, &folder.guest)?;
    }
    for (name, value) in &task.env {
        guest.add_env(name, value);
    }
    Ready::new(&engine, &module, guest)?.start()
}

#[cfg(any(feature = "compilers", feature = "llvm"))]
fn compile(name: &str, file: &Path) -> Result<(Engine, Module)> {
    use crate::{Compiler, Settings, engine};

    let Some(compiler) = Compiler::ALL.iter().find(|known| known.name() == name) else {
        let names: Vec<_> = Compiler::ALL.iter().map(|known| known.name()).collect();
        bail!(
            "{name:?} is no compiler of this runner; it has {}",
            names.join(" and ")
        );
    };
    let engine = engine(*compiler, Settings::Default);
    let module = Module::from_file(&engine, file)
        .with_context(|| format!("compiling {}", file.display()))?;
    Ok((engine, module))
}

#[cfg(not(any(feature = "compilers", feature = "llvm")))]
fn compile(compiler: &str, file: &Path) -> Result<(Engine, Module)> {
    bail!(
        "cannot compile {} with {compiler}: this runner carries no compiler",
        file.display()
    )
}
