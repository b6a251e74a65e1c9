//! One configuration of WasmEdge as a [`timed::Engine`].

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::path::Path;

use adapter_wasmedge::{Access, Engine, Failure, Given, Instance, Limits, Mode, Module};
use plimsoll_adapter::guest::{Guest, Stdio};
use plimsoll_adapter::{Error, timed};
use rustix::fs::{MemfdFlags, memfd_create};

/// A running engine.
pub(crate) struct WasmEdge {
    engine: Engine,
    mode: Mode,
    nowhere: File,
}

/// An instance ready for `_start`, and its output.
pub(crate) struct Ready {
    instance: Instance,
    /// Its streams, which must outlive it; stdout is read at the end.
    stdin: Option<File>,
    stdout: Option<File>,
}

impl WasmEdge {
    pub(crate) fn new(mode: Mode) -> Result<Self, Error> {
        Self::held(mode, Limits::default())
    }

    pub(crate) fn held(mode: Mode, limits: Limits) -> Result<Self, Error> {
        Ok(WasmEdge {
            engine: Engine::held(mode, limits).map_err(failed)?,
            mode,
            nowhere: File::options()
                .read(true)
                .write(true)
                .open("/dev/null")
                .map_err(|error| Error::failed("opening /dev/null", error))?,
        })
    }

    /// The bytes that a target runs: compiled ahead of time, or the `.wasm` itself.
    pub(crate) fn serialise(&self, wasm: &[u8], scratch: &Path) -> Result<Vec<u8>, Error> {
        if self.mode == Mode::Interpreter {
            self.engine.parse(wasm).map_err(failed)?;
            return Ok(wasm.to_vec());
        }
        // The compiler can only write files.
        let library = scratch.join("compiling.so");
        self.engine.compile(wasm, &library).map_err(failed)?;
        let bytes = fs::read(&library).and_then(|bytes| {
            fs::remove_file(&library)?;
            Ok(bytes)
        });
        bytes.map_err(|error| Error::failed(format!("reading {}", library.display()), error))
    }
}

impl timed::Engine for WasmEdge {
    type Module = Module;
    type Instance = Ready;

    fn compile(&self, wasm: &[u8]) -> Result<Module, Error> {
        self.engine.parse(wasm).map_err(failed)
    }

    fn load(&self, artefact: &Path) -> Result<Module, Error> {
        self.engine.load(artefact).map_err(failed)
    }

    fn instantiate(&self, module: &Module, guest: &Guest) -> Result<Ready, Error> {
        let (stdin, stdout) = match &guest.stdio {
            Stdio::Memory(input) => (readable(input)?, Some(in_memory()?)),
            Stdio::Connection(connection) => {
                let both = connection.try_clone().and_then(|first| {
                    let second = connection.try_clone()?;
                    Ok((std::os::fd::OwnedFd::from(first), second.into()))
                });
                let (first, second): (_, std::os::fd::OwnedFd) =
                    both.map_err(|error| Error::failed("duplicating a connection", error))?;
                (Some(first.into()), Some(second.into()))
            }
        };
        let nowhere = &self.nowhere;
        let streams = [
            stdin.as_ref().unwrap_or(nowhere).as_fd(),
            stdout.as_ref().unwrap_or(nowhere).as_fd(),
            nowhere.as_fd(),
        ];
        let instance = given(guest)
            .and_then(|given| self.engine.instantiate(module, &given, streams))
            .map_err(failed)?;
        Ok(Ready {
            instance,
            stdin,
            stdout: stdout.filter(|_| matches!(guest.stdio, Stdio::Memory(_))),
        })
    }

    fn start(&self, instance: &mut Ready) -> Result<i32, Error> {
        instance.instance.start().map_err(failed)
    }

    fn finish(&self, instance: Ready) -> Vec<u8> {
        let Ready {
            instance,
            stdin,
            stdout,
        } = instance;
        drop(instance);
        drop(stdin);
        let mut written = Vec::new();
        if let Some(mut stdout) = stdout {
            // On an error the output is missing, which fails verification, so the error cannot go unnoticed.
            let _ = stdout
                .rewind()
                .and_then(|()| stdout.read_to_end(&mut written));
        }
        written
    }
}

/// The guest's arguments, environment and directory (as `.`).
fn given(guest: &Guest) -> Result<Given, Failure> {
    let mut given = Given::args(&guest.args)?;
    if let Some(directory) = guest.readable() {
        given.directory(directory, ".", Access::Read)?;
    }
    if let Some(directory) = guest.writable() {
        given.directory(directory, ".", Access::Write)?;
    }
    for (name, value) in &guest.grants.env {
        given.variable(&format!("{name}={value}"))?;
    }
    Ok(given)
}

/// A descriptor with the guest's input; `None` if it is empty.
fn readable(input: &[u8]) -> Result<Option<File>, Error> {
    if input.is_empty() {
        return Ok(None);
    }
    let mut file = in_memory()?;
    let filled = file.write_all(input).and_then(|()| file.rewind());
    filled.map_err(|error| Error::failed("giving the guest its input", error))?;
    Ok(Some(file))
}

/// A file in memory, because WasmEdge's WASI only supports descriptors.
fn in_memory() -> Result<File, Error> {
    memfd_create("guest", MemfdFlags::CLOEXEC)
        .map(File::from)
        .map_err(|error| Error::failed("making a file in memory", error))
}

fn failed(failure: Failure) -> Error {
    Error::Failed(failure.to_string())
}
