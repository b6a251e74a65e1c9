//! A WASI command on wasmi: what the adapter and the runner share.

use std::fmt::Display;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use wasmi::{Engine, Linker, Module, Store, TypedFunc};
use wasmi_wasi::wasi_common::sync::file::File as WasiFile;
use wasmi_wasi::{WasiCtx, WasiCtxBuilder, add_to_linker};

/// What was tried, and what wasmi or its WASI said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

fn failed(tried: &str) -> impl Fn(&dyn Display) -> Failure {
    let tried = tried.to_owned();
    move |said| Failure(format!("{tried}: {said}"))
}

/// An engine of wasmi's defaults, with preview 1 to link.
pub struct Interpreter {
    engine: Engine,
    linker: Linker<WasiCtx>,
}

/// A guest in its store, ready for `_start`.
pub struct Instance {
    store: Store<WasiCtx>,
    start: TypedFunc<(), ()>,
}

impl Interpreter {
    /// Makes the engine and the linker.
    ///
    /// # Errors
    ///
    /// When wasmi refuses a definition, which would be a bug.
    pub fn new() -> Result<Self, Failure> {
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker, |context| context)
            .map_err(|error| failed("linking preview 1")(&error))?;
        Ok(Interpreter { engine, linker })
    }

    /// Validates a `.wasm`; its functions are translated when they are first called.
    ///
    /// # Errors
    ///
    /// When the module is refused.
    pub fn module(&self, wasm: &[u8]) -> Result<Module, Failure> {
        Module::new(&self.engine, wasm).map_err(|error| failed("translating the module")(&error))
    }

    /// Makes an instance with this WASI.
    ///
    /// # Errors
    ///
    /// When the module cannot be linked.
    pub fn instantiate(&self, module: &Module, wasi: WasiCtx) -> Result<Instance, Failure> {
        let mut store = Store::new(&self.engine, wasi);
        let start = self
            .linker
            .instantiate_and_start(&mut store, module)
            .and_then(|instance| instance.get_typed_func(&store, "_start"))
            .map_err(|error| failed("instantiating the module")(&error))?;
        Ok(Instance { store, start })
    }
}

impl Instance {
    /// Runs `_start` to its end and gives the exit code; 0 if it merely returns.
    ///
    /// # Errors
    ///
    /// When the guest traps.
    pub fn start(&mut self) -> Result<i32, Failure> {
        match self.start.call(&mut self.store, ()) {
            Ok(()) => Ok(0),
            Err(error) => match error.i32_exit_status() {
                Some(code) => Ok(code),
                None => Err(failed("running _start")(&error)),
            },
        }
    }
}

/// A WASI with what every guest gets: these arguments and an empty environment.
///
/// # Errors
///
/// When an argument has a zero byte in it.
pub fn wasi(args: &[String]) -> Result<WasiCtxBuilder, Failure> {
    let mut builder = WasiCtxBuilder::new();
    builder
        .args(args)
        .map_err(|error| failed("giving the guest its arguments")(&error))?;
    Ok(builder)
}

/// Preopens a directory under this name.
///
/// # Errors
///
/// When it cannot be opened.
pub fn grant(builder: &mut WasiCtxBuilder, directory: &Path, name: &str) -> Result<(), Failure> {
    let tried = format!("preopening {}", directory.display());
    let opened = Dir::open_ambient_dir(directory, ambient_authority())
        .map_err(|error| failed(&tried)(&error))?;
    builder
        .preopened_dir(opened, name)
        .map_err(|error| failed(&tried)(&error))?;
    Ok(())
}

/// A descriptor as one of a guest's streams.
pub fn stream(descriptor: std::fs::File) -> Box<WasiFile> {
    Box::new(WasiFile::from_cap_std(cap_std::fs::File::from_std(
        descriptor,
    )))
}
