//! wasmi as a [`timed::Engine`].

use std::fs::File;
use std::io::Cursor;
use std::os::fd::OwnedFd;
use std::path::Path;

use adapter_wasmi::{Failure, Instance, Interpreter, grant, stream, wasi};
use plimsoll_adapter::guest::{Guest, Stdio};
use plimsoll_adapter::{Error, artefact, timed};
use wasmi::Module;
use wasmi_wasi::wasi_common::pipe::{ReadPipe, WritePipe};

/// A running engine.
pub(crate) struct Wasmi(Interpreter);

/// An instance ready for `_start`, and its output.
pub(crate) struct Ready {
    instance: Instance,
    stdout: WritePipe<Cursor<Vec<u8>>>,
}

impl Wasmi {
    pub(crate) fn new() -> Result<Self, Error> {
        Interpreter::new().map(Wasmi).map_err(failed)
    }
}

impl timed::Engine for Wasmi {
    type Module = Module;
    type Instance = Ready;

    fn compile(&self, wasm: &[u8]) -> Result<Module, Error> {
        self.0.module(wasm).map_err(failed)
    }

    fn load(&self, file: &Path) -> Result<Module, Error> {
        self.compile(&artefact::read_wasm(file)?)
    }

    fn instantiate(&self, module: &Module, guest: &Guest) -> Result<Ready, Error> {
        let stdout = WritePipe::new_in_memory();
        let mut context = wasi(&guest.args).map_err(failed)?;
        if let Some(directory) = &guest.directory {
            grant(&mut context, directory, ".").map_err(failed)?;
        }
        for (name, value) in &guest.grants.env {
            context
                .env(name, value)
                .map_err(|error| Error::failed("giving the guest its environment", error))?;
        }
        match &guest.stdio {
            Stdio::Memory(input) => {
                if !input.is_empty() {
                    context.stdin(Box::new(ReadPipe::from(input.to_vec())));
                }
                context.stdout(Box::new(stdout.clone()));
            }
            Stdio::Connection(connection) => {
                let descriptor = || {
                    let own = connection.try_clone();
                    own.map(|own| stream(File::from(OwnedFd::from(own))))
                        .map_err(|error| Error::failed("duplicating a connection", error))
                };
                context.stdin(descriptor()?).stdout(descriptor()?);
            }
        }
        let instance = self
            .0
            .instantiate(module, context.build())
            .map_err(failed)?;
        Ok(Ready { instance, stdout })
    }

    fn start(&self, instance: &mut Ready) -> Result<i32, Error> {
        instance.instance.start().map_err(failed)
    }

    fn finish(&self, instance: Ready) -> Vec<u8> {
        let Ready { instance, stdout } = instance;
        drop(instance);
        // The store held the only other handle. With another one left, the output would be empty and fail verification,
        // so the error cannot go unnoticed.
        stdout
            .try_into_inner()
            .map(Cursor::into_inner)
            .unwrap_or_default()
    }
}

fn failed(failure: Failure) -> Error {
    Error::Failed(failure.0)
}
