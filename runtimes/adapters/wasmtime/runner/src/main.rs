//! Runs one WASI command on Wasmtime in one process, for boundaries L3 and above.
//!
//! See [`plimsoll_adapter::runner`] for the command line. FILE is an artefact, or a `.wasm` with `--compile`. With
//! `--timeout`, an artefact must check epochs. Built without its default feature this is the smallest Wasmtime process:
//! it has no compiler and loads artefacts of `Setup::Smallest`.

use std::convert::Infallible;
use std::path::Path;

use plimsoll_adapter::protocol::Access;
use plimsoll_adapter::runner::{Own, TRAPPED, Task};
use wasmtime::{Engine, Linker, Module, Result, Store, StoreLimits, StoreLimitsBuilder, TypedFunc};
use wasmtime_runner::{Compiler, Interruption, Setup, configuration, exit_code, guest, runtime};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::p1::{self, WasiP1Ctx};

const fn flag(name: &'static str) -> Own {
    Own { name, value: None }
}

const OWN: &[Own] = &[flag("compile"), flag("winch"), flag("pulley")];

fn main() {
    let task = Task::of_this_process("wasmtime-runner", OWN);
    let Err(error) = run(&task);
    eprintln!("running {}: {error:?}", task.file.display());
    std::process::exit(TRAPPED)
}

fn compiler(task: &Task) -> Compiler {
    match (task.has("winch"), task.has("pulley")) {
        (true, _) => Compiler::Winch,
        (_, true) => Compiler::Pulley,
        (false, false) => Compiler::Cranelift,
    }
}

/// Host state in a guest's store.
struct Host {
    wasi: WasiP1Ctx,
    limits: StoreLimits,
}

/// Returns only on failure.
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
    let engine = Engine::new(interruption.set(&mut configuration(compiler(task), setup)))?;
    let module = module(&engine, task)?;
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |host: &mut Host| &mut host.wasi)?;
    let mut context = guest(&task.args, None)?;
    for folder in &task.folders {
        let access = match folder.access {
            Access::Read => FsPerms::ReadOnly,
            Access::Write => FsPerms::ReadWrite,
        };
        context.preopened_dir(&folder.host, &folder.guest, access)?;
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
    let ended = guest_phase(&start, &mut store);
    guest_phase_ended();
    let code = exit_code(ended)?;
    // Exit without returning: the kernel frees an address space faster than destructors do.
    std::process::exit(code)
}

/// The guest's code and everything that it calls, as one symbol: instruction counting starts here and ends at
/// [`guest_phase_ended`].
#[inline(never)]
fn guest_phase(start: &TypedFunc<(), ()>, store: &mut Store<Host>) -> Result<()> {
    start.call(store, ())
}

#[inline(never)]
fn guest_phase_ended() {
    // An empty function's call would be optimised away.
    std::hint::black_box(());
}

fn module(engine: &Engine, task: &Task) -> Result<Module> {
    if task.has("compile") {
        return compile(engine, &task.file);
    }
    // SAFETY: the adapter's `prepare` wrote the file with this engine's own serialisation, and no other process writes
    // to the pair's directory.
    unsafe { Module::deserialize_file(engine, &task.file) }
}

#[cfg(feature = "compilers")]
fn compile(engine: &Engine, file: &Path) -> Result<Module> {
    Module::from_file(engine, file)
}

#[cfg(not(feature = "compilers"))]
fn compile(_: &Engine, file: &Path) -> Result<Module> {
    wasmtime::bail!(
        "cannot compile {}: this runner carries no compiler",
        file.display()
    )
}
