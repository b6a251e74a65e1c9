//! One configuration of Wasmer as a [`timed::Engine`].

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use plimsoll_adapter::guest::{Guest, Stdio};
use plimsoll_adapter::{Error, timed};
use wasmer::{Engine, Module};
use wasmer_runner::{Host, Ready};
use wasmer_wasix::Pipe;
use wasmer_wasix::virtual_fs::{NullFile, StaticFile};

use crate::connection::Connection;
/// A running engine, with WASIX's threads.
pub struct Wasmer {
    engine: Engine,
    /// Static, because the guard that a thread holds while it runs guests borrows it.
    host: &'static Host,
}

/// An instance ready for `_start`, and the other end of its stdout.
pub struct Instance {
    ready: Ready,
    stdout: Pipe,
}

impl Wasmer {
    pub(crate) fn new(engine: Engine) -> Result<Self, Error> {
        let host = Host::new(&engine).map_err(|error| Error::failed("starting WASIX", error))?;
        let host = Box::leak(Box::new(host));
        Ok(Wasmer { engine, host })
    }
}

/// Compiles a `.wasm` to an artefact.
pub(crate) fn serialise(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let module = Module::from_binary(engine, wasm)
        .map_err(|error| Error::failed("compiling the module ahead of time", error))?;
    let serialised = module
        .serialize()
        .map_err(|error| Error::failed("serialising the module", error))?;
    Ok(serialised.to_vec())
}

impl timed::Engine for Wasmer {
    type Module = Module;
    type Instance = Instance;

    fn compile(&self, wasm: &[u8]) -> Result<Module, Error> {
        Module::from_binary(&self.engine, wasm)
            .map_err(|error| Error::failed("compiling the module", error))
    }

    fn load(&self, artefact: &Path) -> Result<Module, Error> {
        // SAFETY: `prepare` wrote the file with this engine's own serialisation, only by renaming, and no other process
        // writes to the pair's directory.
        unsafe { Module::deserialize_from_file(&self.engine, artefact) }
            .map_err(|error| Error::failed(format!("loading {}", artefact.display()), error))
    }

    fn instantiate(&self, module: &Module, guest: &Guest) -> Result<Instance, Error> {
        let (theirs, stdout) = Pipe::channel();
        let ready = self
            .host
            .guest(&guest.args, guest.readable())
            .and_then(|mut builder| {
                if let Some(directory) = guest.writable() {
                    self.host.grant(&mut builder, directory, ".")?;
                }
                for (name, value) in &guest.grants.env {
                    builder.add_env(name, value);
                }
                match &guest.stdio {
                    Stdio::Memory(input) => {
                        match input.is_empty() {
                            true => builder.set_stdin(Box::<NullFile>::default()),
                            false => builder.set_stdin(Box::new(StaticFile::new(input.to_vec()))),
                        }
                        builder.set_stdout(Box::new(theirs));
                    }
                    Stdio::Connection(connection) => {
                        builder.set_stdin(Box::new(Connection(Arc::clone(connection))));
                        builder.set_stdout(Box::new(Connection(Arc::clone(connection))));
                    }
                }
                builder.set_stderr(Box::<NullFile>::default());
                Ok(builder)
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

    /// WASIX must be called with Tokio's runtime entered.
    fn enter(&self) -> Box<dyn Any> {
        Box::new(self.host.enter())
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
