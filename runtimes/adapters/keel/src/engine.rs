//! keel as a [`timed::Engine`].

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use keel::wasi::{self, Access, Capture, Stdin, Stdout, WasiCtx};
use keel::{CodeCache, Config, Engine, InstancePre, Linker, Module, Store, TypedFunc};
use plimsoll_adapter::guest::{Guest, Stdio};
use plimsoll_adapter::{Error, timed};

/// Maximum guest output in bytes, far above that of any workload.
const STDOUT_CAPACITY: usize = 64 << 20;

/// Maximum size of the code cache in bytes, far above what all workloads need.
const CACHE_BYTES: u64 = 1 << 30;

/// A running engine with linked imports.
pub(crate) struct Keel {
    engine: Engine,
    linker: Linker<WasiCtx>,
}

/// An instance in its store, ready for `_start`.
pub(crate) struct Ready {
    store: Store<WasiCtx>,
    start: TypedFunc<(), ()>,
    stdout: Capture,
}

impl Keel {
    pub(crate) fn new() -> Result<Self, Error> {
        Keel::with(Config::new())
    }

    /// An engine that caches compiled code in a folder.
    pub(crate) fn cached(folder: &Path) -> Result<Self, Error> {
        let cache = CodeCache::open(folder, CACHE_BYTES)
            .map_err(|error| failed("opening the code cache", error))?;
        Keel::with(Config::new().cache(cache))
    }

    /// An engine whose code runs on any x86-64-v2 CPU.
    pub(crate) fn portable() -> Result<Self, Error> {
        let cpu = "x86-64-v2"
            .parse()
            .map_err(|error| failed("choosing a CPU", error))?;
        Keel::with(Config::new().cpu(cpu))
    }

    fn with(config: Config) -> Result<Self, Error> {
        let engine = Engine::new(config);
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker, |wasi| wasi)
            .map_err(|error| failed("linking preview 1", error))?;
        Ok(Keel { engine, linker })
    }

    /// Compiles a `.wasm` to an artefact.
    pub(crate) fn serialise(&self, wasm: &[u8]) -> Result<Vec<u8>, Error> {
        self.engine
            .compile(wasm)
            .map_err(|error| failed("compiling the module ahead of time", error))
    }

    /// Compiles a module into the cache.
    pub(crate) fn warm(&self, wasm: &[u8]) -> Result<(), Error> {
        let module = Module::new(&self.engine, wasm);
        module
            .map(drop)
            .map_err(|error| failed("compiling the module for the cache", error))
    }

    fn link(&self, module: &Module) -> Result<InstancePre<WasiCtx>, Error> {
        self.linker
            .instantiate_pre(module)
            .map_err(|error| failed("linking the module", error))
    }
}

impl timed::Engine for Keel {
    type Module = InstancePre<WasiCtx>;
    type Instance = Ready;

    fn compile(&self, wasm: &[u8]) -> Result<Self::Module, Error> {
        let module = Module::new(&self.engine, wasm)
            .map_err(|error| failed("compiling the module", error))?;
        self.link(&module)
    }

    fn load(&self, artefact: &Path) -> Result<Self::Module, Error> {
        // SAFETY: `serialise` wrote the file, and only this adapter writes to its folder.
        let module = unsafe { Module::deserialize_file(&self.engine, artefact) }
            .map_err(|error| failed(&format!("loading {}", artefact.display()), error))?;
        self.link(&module)
    }

    fn instantiate(&self, module: &Self::Module, guest: &Guest) -> Result<Ready, Error> {
        // Every instance gets a new context, as other engines require. keel could share a prepared one, but is not
        // measured that way.
        let stdout = Capture::new(STDOUT_CAPACITY);
        let mut context = WasiCtx::builder().args(guest.args.iter().map(String::as_str));
        context = match &guest.stdio {
            Stdio::Memory(input) if input.is_empty() => {
                context.stdout(Stdout::Capture(stdout.clone()))
            }
            Stdio::Memory(input) => context
                .stdin(Stdin::Bytes(Arc::clone(input)))
                .stdout(Stdout::Capture(stdout.clone())),
            Stdio::Connection(connection) => {
                let descriptor = || {
                    let own = connection.try_clone();
                    own.map(OwnedFd::from)
                        .map_err(|error| failed("duplicating a connection", error))
                };
                context
                    .stdin(Stdin::File(descriptor()?))
                    .stdout(Stdout::File(descriptor()?))
            }
        };
        if let Some(directory) = guest.readable() {
            context = context.directory(directory, ".", Access::ReadOnly);
        }
        if let Some(directory) = guest.writable() {
            context = context.directory(directory, ".", Access::ReadWrite);
        }
        for (name, value) in &guest.grants.env {
            context = context.env(name, value);
        }
        let context = context
            .build()
            .map_err(|error| failed("making the WASI context", error))?;
        let mut store = Store::new(&self.engine, context);
        let instantiated = module
            .instantiate(&mut store)
            .and_then(|instance| instance.get_typed_func(&mut store, "_start"));
        let start = instantiated.map_err(|error| failed("instantiating the module", error))?;
        Ok(Ready {
            store,
            start,
            stdout,
        })
    }

    fn start(&self, instance: &mut Ready) -> Result<i32, Error> {
        match instance.start.call(&mut instance.store, ()) {
            Ok(()) => Ok(0),
            Err(keel::Error::Exit(code)) => Ok(code),
            Err(error) => Err(failed("running _start", error)),
        }
    }

    fn finish(&self, instance: Ready) -> Vec<u8> {
        let Ready { store, stdout, .. } = instance;
        drop(store);
        stdout.take()
    }
}

fn failed(tried: &str, error: impl std::fmt::Display) -> Error {
    Error::Failed(format!("{tried}: {error}"))
}
