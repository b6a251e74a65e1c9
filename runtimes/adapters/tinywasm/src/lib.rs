//! Runs WASI commands on tinywasm; shared by the adapter and the runner.
//!
//! # Layout
//!
//! - this file: instances, and how to run them
//! - `wasi`: a guest's arguments, environment and descriptors; `calls`: the preview 1 calls

mod calls;
mod wasi;

use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use tinywasm::{Error, ExecProgress, FunctionTyped, Module, ModuleInstance, Store, Trap};

pub use wasi::Wasi;

/// A failed operation, and the error from tinywasm or the adapter's WASI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

fn failed(tried: &str, said: &dyn Display) -> Failure {
    Failure(format!("{tried}: {said}"))
}

/// How long a guest with a time limit runs between checks of the clock.
const SLICE: Duration = Duration::from_millis(10);

/// An instance in its store, ready for `_start`.
pub struct Instance {
    store: Store,
    start: FunctionTyped<(), ()>,
}

/// Validates a `.wasm` and translates it to tinywasm's internal code.
///
/// # Errors
///
/// If the module is rejected.
pub fn module(wasm: &[u8]) -> Result<Module, Failure> {
    tinywasm::parse_bytes(wasm).map_err(|error| failed("translating the module", &error))
}

/// The first preview 1 call that the module imports and this adapter does not support.
pub fn missing(module: &Module) -> Option<String> {
    let imports = module.imports.iter();
    wasi::missing(imports.map(|import| (&*import.module, &*import.name))).map(str::to_owned)
}

/// Creates an instance with this WASI.
///
/// # Errors
///
/// If the module cannot be linked.
pub fn instantiate(module: &Module, wasi: Wasi) -> Result<Instance, Failure> {
    let mut store = Store::default();
    let imports = wasi::link(&mut store, wasi);
    let start = ModuleInstance::instantiate(&mut store, module, Some(imports))
        .and_then(|instance| instance.func::<(), ()>(&store, "_start"))
        .map_err(|error| failed("instantiating the module", &error))?;
    Ok(Instance { store, start })
}

impl Instance {
    /// Runs `_start` to completion and returns the exit code; 0 if it simply returns.
    ///
    /// # Errors
    ///
    /// If the guest traps.
    pub fn start(&mut self) -> Result<i32, Failure> {
        let ended = self.start.call(&mut self.store, ());
        exit_code(ended)
    }

    /// Like [`Instance::start`], but for at most about `time`.
    ///
    /// # Errors
    ///
    /// If the guest traps or exceeds the time.
    pub fn start_within(&mut self, time: Duration) -> Result<i32, Failure> {
        let begun = Instant::now();
        let mut call = match self.start.call_resumable(&mut self.store, ()) {
            Ok(call) => call,
            Err(error) => return exit_code(Err(error)),
        };
        loop {
            match call.resume_with_time_budget(SLICE.min(time)) {
                Ok(ExecProgress::Completed(())) => return Ok(0),
                Err(error) => return exit_code(Err(error)),
                Ok(ExecProgress::Suspended) if begun.elapsed() < time => {}
                Ok(ExecProgress::Suspended) => {
                    return Err(Failure(format!(
                        "running _start: interrupted after {time:?}"
                    )));
                }
            }
        }
    }
}

fn exit_code(ended: tinywasm::Result<()>) -> Result<i32, Failure> {
    let error = match ended {
        Ok(()) => return Ok(0),
        Err(error) => error,
    };
    if let Error::Trap(Trap::HostFunction(cause)) = &error
        && let Some(wasi::Exit(code)) = cause.downcast_ref::<wasi::Exit>()
    {
        return Ok(*code);
    }
    Err(failed("running _start", &error))
}
