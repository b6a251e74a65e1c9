//! One configuration of Wasmtime as a [`timed::Engine`].

use std::any::Any;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use plimsoll_adapter::guest::{Guest, Stdio};
use plimsoll_adapter::in_process;
use plimsoll_adapter::{Error, timed};
use tokio::runtime::Runtime;
use wasmtime::error::OutOfMemory;
use wasmtime::{CacheConfig, Config, Engine, InstancePre, Linker, Module, Store, TypedFunc};
use wasmtime_runner::{Interruption, configuration, exit_code, guest, linker, portable, runtime};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::cli::{InputFile, OutputFile};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};

use crate::targets::{Cache, Target};

/// Maximum guest output in bytes, far above that of any workload.
const STDOUT_CAPACITY: usize = 64 << 20;

/// A running engine with linked imports.
pub(crate) struct Wasmtime {
    engine: Engine,
    linker: Linker<WasiP1Ctx>,
    runtime: Option<&'static Runtime>,
}

/// An instance in its store, ready for `_start`.
pub(crate) struct Ready {
    store: Store<WasiP1Ctx>,
    start: TypedFunc<(), ()>,
    stdout: MemoryOutputPipe,
}

impl Wasmtime {
    /// The target's engine, with this kind of interruption.
    pub(crate) fn interrupted(target: &Target, by: Interruption) -> Result<Self, Error> {
        let mut config = configuration(target.compiler, target.setup);
        if target.cache == Cache::On {
            let mut folder = CacheConfig::new();
            folder.with_directory(in_process::beside("wasmtime-code-cache"));
            let cache = wasmtime::Cache::new(folder)
                .map_err(|error| failed("opening the code cache", &error))?;
            config.cache(Some(cache));
        }
        Wasmtime::with(target, by.set(&mut config))
    }

    /// The target's engine, generating code for any x86-64-v2 CPU.
    pub(crate) fn portable(target: &Target) -> Result<Self, Error> {
        let mut config = configuration(target.compiler, target.setup);
        let config = portable(&mut config).map_err(|error| failed("choosing a CPU", &error))?;
        Wasmtime::with(target, config)
    }

    fn with(target: &Target, config: &Config) -> Result<Self, Error> {
        let engine = Engine::new(config).map_err(|error| failed("making the engine", &error))?;
        let linker = linker(&engine).map_err(|error| failed("linking preview 1", &error))?;
        let runtime = runtime(target.setup)
            .map_err(|error| Error::failed("starting Tokio's runtime", error))?;
        Ok(Wasmtime {
            engine,
            linker,
            runtime,
        })
    }

    /// Compiles a `.wasm` to an artefact.
    pub(crate) fn serialise(&self, wasm: &[u8]) -> Result<Vec<u8>, Error> {
        self.engine
            .precompile_module(wasm)
            .map_err(|error| failed("compiling the module ahead of time", &error))
    }

    /// Compiles a module into the cache.
    pub(crate) fn warm(&self, wasm: &[u8]) -> Result<(), Error> {
        let module = Module::from_binary(&self.engine, wasm);
        module
            .map(drop)
            .map_err(|error| failed("compiling the module for the cache", &error))
    }

    fn link(&self, module: &Module) -> Result<InstancePre<WasiP1Ctx>, Error> {
        self.linker
            .instantiate_pre(module)
            .map_err(|error| failed("linking the module", &error))
    }
}

impl timed::Engine for Wasmtime {
    type Module = InstancePre<WasiP1Ctx>;
    type Instance = Ready;

    fn compile(&self, wasm: &[u8]) -> Result<Self::Module, Error> {
        let module = Module::from_binary(&self.engine, wasm)
            .map_err(|error| failed("compiling the module", &error))?;
        self.link(&module)
    }

    fn load(&self, artefact: &Path) -> Result<Self::Module, Error> {
        // SAFETY: `prepare` wrote the file with this engine's own serialisation, only by renaming, and no other process
        // writes to the pair's directory.
        let module = unsafe { Module::deserialize_file(&self.engine, artefact) }
            .map_err(|error| failed(&format!("loading {}", artefact.display()), &error))?;
        self.link(&module)
    }

    fn instantiate(&self, module: &Self::Module, what: &Guest) -> Result<Ready, Error> {
        let instantiated = || {
            let stdout = MemoryOutputPipe::new(STDOUT_CAPACITY);
            let mut context = guest(&what.args, what.readable())?;
            if let Some(directory) = what.writable() {
                context.preopened_dir(directory, ".", FsPerms::ReadWrite)?;
            }
            for (name, value) in &what.grants.env {
                context.env(name, value);
            }
            match &what.stdio {
                Stdio::Memory(input) => {
                    if !input.is_empty() {
                        context.stdin(MemoryInputPipe::new(input.to_vec()));
                    }
                    context.stdout(stdout.clone());
                }
                // Read and written on the guest's thread, bypassing the runtime.
                Stdio::Connection(connection) => {
                    let descriptor =
                        || Ok::<_, wasmtime::Error>(OwnedFd::from(connection.try_clone()?));
                    context.stdin(InputFile::new(File::from(descriptor()?)));
                    context.stdout(OutputFile::new(File::from(descriptor()?)));
                }
            }
            let mut store = Store::new(&self.engine, context.build_p1());
            let instance = module.instantiate(&mut store)?;
            let start = instance.get_typed_func(&mut store, "_start")?;
            Ok(Ready {
                store,
                start,
                stdout,
            })
        };
        instantiated().map_err(|error| failed("instantiating the module", &error))
    }

    fn start(&self, instance: &mut Ready) -> Result<i32, Error> {
        exit_code(instance.start.call(&mut instance.store, ()))
            .map_err(|error| failed("running _start", &error))
    }

    fn enter(&self) -> Box<dyn Any> {
        Box::new(self.runtime.map(Runtime::enter))
    }

    fn finish(&self, instance: Ready) -> Vec<u8> {
        let Ready { store, stdout, .. } = instance;
        drop(store);
        // The store held the only other handle. With another one left, the output would be empty and fail verification,
        // so the error cannot go unnoticed.
        stdout.try_into_inner().map(Vec::from).unwrap_or_default()
    }
}

fn failed(tried: &str, error: &wasmtime::Error) -> Error {
    let message = format!("{tried}: {error:#}");
    if error.is::<OutOfMemory>() {
        Error::OutOfMemory(message)
    } else {
        Error::Failed(message)
    }
}
