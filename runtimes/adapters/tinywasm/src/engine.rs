//! tinywasm as a [`timed::Engine`].

use std::cell::RefCell;
use std::io::{Cursor, Read, Write, sink};
use std::path::Path;
use std::rc::Rc;

use adapter_tinywasm::{Failure, Instance, Wasi, instantiate, missing, module};
use plimsoll_adapter::guest::{Guest, Stdio};
use plimsoll_adapter::{Error, artefact, timed};
use tinywasm::Module;

/// tinywasm with its defaults; it has no state.
pub(crate) struct Tinywasm;

/// An instance ready for `_start`, and its output.
pub(crate) struct Ready {
    instance: Instance,
    stdout: Collected,
}

/// A guest's output, shared with its stream.
#[derive(Clone, Default)]
struct Collected(Rc<RefCell<Vec<u8>>>);

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl timed::Engine for Tinywasm {
    type Module = Module;
    type Instance = Ready;

    fn compile(&self, wasm: &[u8]) -> Result<Module, Error> {
        let module = module(wasm).map_err(failed)?;
        match missing(&module) {
            None => Ok(module),
            Some(call) => Err(Error::Unsupported(format!(
                "it imports {call}, which the adapter's WASI does not have (tinywasm has none)"
            ))),
        }
    }

    fn load(&self, file: &Path) -> Result<Module, Error> {
        self.compile(&artefact::read_wasm(file)?)
    }

    fn instantiate(&self, module: &Module, guest: &Guest) -> Result<Ready, Error> {
        if guest.writable().is_some() {
            let why = "the adapter's WASI has read-only folders only";
            return Err(Error::Unsupported(why.to_owned()));
        }
        let collected = Collected::default();
        let (stdin, stdout): (Box<dyn Read>, Box<dyn Write>) = match &guest.stdio {
            Stdio::Memory(input) => (
                Box::new(Cursor::new(input.clone())),
                Box::new(collected.clone()),
            ),
            Stdio::Connection(connection) => {
                let own = || {
                    let own = connection.try_clone();
                    own.map_err(|error| Error::failed("duplicating a connection", error))
                };
                (Box::new(own()?), Box::new(own()?))
            }
        };
        let mut wasi = Wasi::new(&guest.args, stdin, stdout, Box::new(sink()));
        if let Some(directory) = guest.readable() {
            wasi.grant(directory, ".").map_err(failed)?;
        }
        for (name, value) in &guest.grants.env {
            wasi.env(name, value);
        }
        let instance = instantiate(module, wasi).map_err(failed)?;
        Ok(Ready {
            instance,
            stdout: collected,
        })
    }

    fn start(&self, instance: &mut Ready) -> Result<i32, Error> {
        instance.instance.start().map_err(failed)
    }

    fn finish(&self, instance: Ready) -> Vec<u8> {
        let Ready { instance, stdout } = instance;
        drop(instance);
        stdout.0.take()
    }
}

fn failed(failure: Failure) -> Error {
    Error::Failed(failure.0)
}
