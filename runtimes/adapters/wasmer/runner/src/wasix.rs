//! Runs guests on WASIX, Wasmer's implementation of preview 1 and more.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::runtime::{EnterGuard, Handle};
use wasmer::{Engine, Function, Instance, Module, RuntimeError, Store};
use wasmer_wasix::runtime::task_manager::tokio::TokioTaskManager;
use wasmer_wasix::virtual_fs::host_fs::FileSystem;
use wasmer_wasix::{PluggableRuntime, Runtime, WasiEnvBuilder, WasiError, WasiFunctionEnv};

/// The process state that WASIX needs: a Tokio runtime and its own runtime on top.
pub struct Host {
    tokio: tokio::runtime::Runtime,
    wasix: Arc<dyn Runtime + Send + Sync>,
}

/// An instance that is ready to run.
pub struct Ready {
    store: Store,
    environment: WasiFunctionEnv,
    start: Function,
}

impl Host {
    /// Starts both runtimes with the crate's defaults.
    ///
    /// # Errors
    ///
    /// If threads cannot be started.
    pub fn new(engine: &Engine) -> Result<Self> {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("starting Tokio's threads")?;
        let tasks = TokioTaskManager::new(tokio.handle().clone());
        let mut wasix = PluggableRuntime::new(Arc::new(tasks));
        wasix.set_engine(engine.clone());
        Ok(Host {
            tokio,
            wasix: Arc::new(wasix),
        })
    }

    /// Makes Tokio's runtime current on this thread, as WASIX requires.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.tokio.enter()
    }

    /// A builder with these arguments (the program's name first), an empty environment, and the directory, if any, as
    /// root and `.`, read-only.
    ///
    /// # Errors
    ///
    /// If the directory cannot be opened.
    pub fn guest(&self, args: &[String], directory: Option<&Path>) -> Result<WasiEnvBuilder> {
        let (name, args) = args.split_first().context("a guest needs a name")?;
        let mut builder = WasiEnvBuilder::new(name)
            .args(args)
            .runtime(Arc::clone(&self.wasix));
        if let Some(directory) = directory {
            let files = FileSystem::new(Handle::current(), directory)
                .with_context(|| format!("opening {}", directory.display()))?;
            builder.set_fs(Arc::new(files) as Arc<_>);
            builder.add_preopen_build(|preopen| preopen.directory("/").alias(".").read(true))?;
        }
        Ok(builder)
    }

    /// Mounts a writable directory under a name, for a guest that has none yet.
    ///
    /// # Errors
    ///
    /// If the directory cannot be opened.
    pub fn grant(&self, guest: &mut WasiEnvBuilder, directory: &Path, name: &str) -> Result<()> {
        let files = FileSystem::new(Handle::current(), directory)
            .with_context(|| format!("opening {}", directory.display()))?;
        guest.set_fs(Arc::new(files) as Arc<_>);
        guest.add_preopen_build(|preopen| {
            let preopen = preopen.directory("/").alias(name);
            preopen.read(true).write(true).create(true)
        })?;
        Ok(())
    }
}

impl Ready {
    /// Instantiates the module and looks up `_start`. It binds only the imports of the module's WASI version: the
    /// builder's own `instantiate` binds all of WASIX, which takes several times as long.
    ///
    /// # Errors
    ///
    /// If WASIX fails, for example because an import is missing.
    pub fn new(engine: &Engine, module: &Module, guest: WasiEnvBuilder) -> Result<Self> {
        let mut store = Store::new(engine.clone());
        let mut environment = guest.finalize(&mut store)?;
        let imports = environment.import_object(&mut store, module)?;
        let instance = Instance::new(&mut store, module, &imports)?;
        environment.initialize(&mut store, instance.clone())?;
        let start = instance.exports.get_function("_start")?.clone();
        Ok(Ready {
            store,
            environment,
            start,
        })
    }

    /// Runs `_start`, closes what the guest left open, and returns the exit code.
    ///
    /// # Errors
    ///
    /// If the guest traps.
    pub fn start(&mut self) -> Result<i32> {
        let code = exit_code(self.start.call(&mut self.store, &[]).map(drop))?;
        self.environment.on_exit(&mut self.store, Some(code.into()));
        Ok(code)
    }
}

/// The exit code of a `_start` that returned or called `proc_exit`.
///
/// # Errors
///
/// Returns the error if it is a trap or anything other than an exit.
pub fn exit_code(ended: Result<(), RuntimeError>) -> Result<i32> {
    let Err(error) = ended else { return Ok(0) };
    match error.downcast::<WasiError>() {
        Ok(WasiError::Exit(code)) => Ok(code.raw()),
        Ok(other) => Err(other.into()),
        Err(error) => Err(error.into()),
    }
}
