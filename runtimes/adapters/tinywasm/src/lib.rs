//! A WASI command on tinywasm: what the adapter and the runner share.
//!
//! # Layout
//!
//! - here: the interpreter, an instance, and how it is started
//! - `wasi`: what a guest is given; `calls`: the calls of preview 1 on it

mod calls;
mod wasi;

use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use tinywasm::{Error, ExecProgress, FunctionTyped, Module, ModuleInstance, Store, Trap};

pub use wasi::Wasi;

/// What was tried, and what tinywasm or the adapter's WASI said.
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

/// How long a guest with a time limit runs before the clock is looked at.
const SLICE: Duration = Duration::from_millis(10);

/// A guest in its store, ready for `_start`.
pub struct Instance {
    store: Store,
    start: FunctionTyped<(), ()>,
}

/// Validates a `.wasm` and translates it to tinywasm's own code.
///
/// # Errors
///
/// When the module is refused.
pub fn module(wasm: &[u8]) -> Result<Module, Failure> {
    tinywasm::parse_bytes(wasm).map_err(|error| failed("translating the module", &error))
}

/// The first call of preview 1 that the module imports and the adapter's layer does not have.
pub fn missing(module: &Module) -> Option<String> {
    let imports = module.imports.iter();
    wasi::missing(imports.map(|import| (&*import.module, &*import.name))).map(str::to_owned)
}

/// Makes an instance with this WASI.
///
/// # Errors
///
/// When the module cannot be linked.
pub fn instantiate(module: &Module, wasi: Wasi) -> Result<Instance, Failure> {
    let mut store = Store::default();
    let imports = wasi::link(&mut store, wasi);
    let start = ModuleInstance::instantiate(&mut store, module, Some(imports))
        .and_then(|instance| instance.func::<(), ()>(&store, "_start"))
        .map_err(|error| failed("instantiating the module", &error))?;
    Ok(Instance { store, start })
}

impl Instance {
    /// Runs `_start` to its end and gives the exit code; 0 if it merely returns.
    ///
    /// # Errors
    ///
    /// When the guest traps.
    pub fn start(&mut self) -> Result<i32, Failure> {
        let ended = self.start.call(&mut self.store, ());
        exit_code(ended)
    }

    /// The same, for at most about `time`.
    ///
    /// # Errors
    ///
    /// When the guest traps, or has not ended after that time.
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
