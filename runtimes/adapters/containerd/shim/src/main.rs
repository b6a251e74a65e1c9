//! A containerd shim that runs WASI commands on Wasmtime, built with the same library as the runwasi project's shims.
//!
//! `containerd-shim-plimsoll-v1 compile MODULE.wasm ARTEFACT` compiles a module ahead of time; with other arguments it
//! runs as a containerd shim. An artefact must not be executable, or the library treats it as a Linux program.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use containerd_shim_wasm::sandbox::Sandbox;
use containerd_shim_wasm::sandbox::context::{RuntimeContext, Source};
use containerd_shim_wasm::shim::{Cli, Shim, Version, version};
use wasmtime::{Config, Engine, Linker, Module, Store};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// Exit code if the guest traps or cannot run, the same as `wasmtime run`.
const TRAPPED: i32 = 134;

struct Wasmtime;

#[derive(Default)]
struct Guest;

impl Shim for Wasmtime {
    type Sandbox = Guest;

    fn name() -> &'static str {
        "plimsoll"
    }

    fn version() -> Version {
        version!()
    }
}

impl Sandbox for Guest {
    /// Any file that is not a Linux program is accepted here; `run_wasi` rejects invalid ones.
    async fn can_handle(&self, _: &impl RuntimeContext) -> Result<()> {
        Ok(())
    }

    async fn run_wasi(&self, context: &impl RuntimeContext) -> Result<i32> {
        let Source::File(path) = context.entrypoint().source else {
            bail!("this shim runs a file of the image, not a layer");
        };
        let (args, env) = (context.args().to_vec(), context.envs().to_vec());
        // In its own thread, because blocking is not allowed on the library's event loop.
        let running = thread::spawn(move || {
            run(&path, &args, &env).unwrap_or_else(|error| {
                // The library would report the error only in containerd's log.
                eprintln!("running {}: {error:?}", path.display());
                TRAPPED
            })
        });
        running
            .join()
            .map_err(|_| anyhow!("running the guest panicked"))
    }
}

fn main() -> Result<()> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match &args[..] {
        [word, module, artefact] if word == Path::new("compile") => compile(module, artefact),
        _ => {
            Wasmtime::run(None);
            Ok(())
        }
    }
}

/// An engine with the crate's defaults.
fn engine() -> Result<Engine> {
    Ok(Engine::new(&Config::new())?)
}

fn compile(module: &Path, artefact: &Path) -> Result<()> {
    let wasm = std::fs::read(module).with_context(|| format!("reading {}", module.display()))?;
    let compiled = engine()?.precompile_module(&wasm)?;
    std::fs::write(artefact, compiled).with_context(|| format!("writing {}", artefact.display()))
}

/// Runs `_start` of the module or artefact with the process's own streams and the working directory, which the
/// container isolates, as `.`; returns the exit code.
fn run(path: &Path, args: &[String], env: &[String]) -> Result<i32> {
    let engine = engine()?;
    let mut magic = [0; 4];
    File::open(path)?.read_exact(&mut magic)?;
    let module = match &magic {
        b"\0asm" => Module::from_file(&engine, path)?,
        // SAFETY: any other file was written by `compile` above, into an image that nothing modifies; wasmtime rejects
        // files that it did not write.
        _ => unsafe { Module::deserialize_file(&engine, path)? },
    };
    let mut linker = Linker::<WasiP1Ctx>::new(&engine);
    wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |context| context)?;
    let mut context = WasiCtxBuilder::new();
    context
        .args(args)
        .allow_blocking_current_thread(true)
        .preopened_dir(".", ".", FsPerms::ReadWrite)?
        .inherit_stdio();
    for (name, value) in env.iter().filter_map(|one| one.split_once('=')) {
        context.env(name, value);
    }
    let mut store = Store::new(&engine, context.build_p1());
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    match start.call(&mut store, ()) {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Ok(exit.0),
            None => Err(error.into()),
        },
    }
}
