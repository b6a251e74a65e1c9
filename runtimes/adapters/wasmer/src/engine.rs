//! One configuration of Wasmer as a [`timed::Engine`].

use std::path::Path;

use plimsoll_adapter::guest::Guest;
use plimsoll_adapter::{Error, timed};
use tokio::runtime::EnterGuard;
use wasmer::{Engine, Module};
use wasmer_runner::{Host, Ready, engine};
use wasmer_wasix::Pipe;
use wasmer_wasix::virtual_fs::NullFile;

use crate::targets::Configuration;

/// An engine that is running, with WASIX's threads.
pub(crate) struct Wasmer {
    engine: Engine,
    host: Host,
}

/// A guest ready for `_start`, and the other end of its stdout.
pub(crate) struct Instance {
    ready: Ready,
    stdout: Pipe,
}

impl Wasmer {
    pub(crate) fn new(target: &Configuration) -> Result<Self, Error> {
        let engine = engine(target.compiler, target.artefact);
        let host = Host::new(&engine).map_err(|error| Error::failed("starting WASIX", error))?;
        Ok(Wasmer { engine, host })
    }

    /// WASIX expects to be called with Tokio's runtime entered.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.host.enter()
    }

    /// The artefact of a `.wasm`.
    pub(crate) fn serialise(&self, wasm: &[u8]) -> Result<Vec<u8>, Error> {
        let module = Module::from_binary(&self.engine, wasm)
            .map_err(|error| Error::failed("compiling the module ahead of time", error))?;
        let serialised = module
            .serialize()
            .map_err(|error| Error::failed("serialising the module", error))?;
        Ok(serialised.to_vec())
    }
}

impl timed::Engine for Wasmer {
    type Module = Module;
    type Instance = Instance;

    fn compile(&self, wasm: &[u8]) -> Result<Module, Error> {
        Module::from_binary(&self.engine, wasm)
            .map_err(|error| Error::failed("compiling the module", error))
    }

    fn load(&self, artefact: &Path) -> Result<Module, Error> {
        // SAFETY: the file is what `prepare` wrote with this engine's own serialisation; nobody
        // else writes to the pair's directory, and it is replaced by renaming only.
        unsafe { Module::deserialize_from_file(&self.engine, artefact) }
            .map_err(|error| Error::failed(format!("loading {}", artefact.display()), error))
    }

    fn instantiate(&self, module: &Module, guest: &Guest) -> Result<Instance, Error> {
        let (theirs, stdout) = Pipe::channel();
        let ready = self
            .host
            .guest(&guest.args, guest.directory.as_deref())
            .map(|mut builder| {
                builder.set_stdin(Box::<NullFile>::default());
                builder.set_stdout(Box::new(theirs));
                builder.set_stderr(Box::<NullFile>::default());
                builder
            })
            .and_then(|builder| Ready::new(&self.engine, module, builder))
            .map_err(|error| Error::failed("instantiating the module", error))?;
        Ok(Instance { ready, stdout })
    }

    fn start(&self, instance: &mut Instance) -> Result<i32, Error> {
        instance
            .ready
            .start()
            .map_err(|error| Error::failed("running _start", error))
    }

    fn finish(&self, instance: Instance) -> Vec<u8> {
        let Instance { ready, mut stdout } = instance;
        drop(ready);
        let mut printed = Vec::new();
        let mut piece = [0; 4096];
        while let Some(read @ 1..) = stdout.try_read(&mut piece) {
            printed.extend_from_slice(&piece[..read]);
        }
        printed
    }
}
