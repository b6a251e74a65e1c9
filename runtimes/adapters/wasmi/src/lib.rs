//! Runs WASI commands on wasmi; shared by the adapter and the runner.

use std::fmt::Display;
use std::path::Path;
use std::time::{Duration, Instant};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use wasmi::{
    CompilationMode, Config, Engine, Linker, Module, Store, StoreLimits, StoreLimitsBuilder,
    TypedFunc, TypedResumableCall,
};
use wasmi_wasi::wasi_common::sync::file::File as WasiFile;
use wasmi_wasi::{WasiCtx, WasiCtxBuilder, add_to_linker};

/// A failed operation, and the error from wasmi or its WASI.
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

/// Fuel per slice, roughly one unit per operation; the clock is checked between slices.
const SLICE: u64 = 1_000_000;

/// Limits for a guest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory limit in bytes.
    pub memory_bytes: Option<usize>,
    /// Time limit for `_start`. wasmi cannot check a clock, so code consumes fuel, which is supplied in slices.
    pub time: Option<Duration>,
}

/// Host state in a store.
struct Host {
    wasi: WasiCtx,
    limits: StoreLimits,
}

/// An engine with wasmi's defaults except for limits, and a linker with preview 1.
pub struct Interpreter {
    engine: Engine,
    linker: Linker<Host>,
    limits: Limits,
}

/// An instance in its store, ready for `_start`.
pub struct Instance {
    store: Store<Host>,
    start: TypedFunc<(), ()>,
    time: Option<Duration>,
}

impl Interpreter {
    /// Creates the engine and the linker.
    ///
    /// # Errors
    ///
    /// If wasmi rejects a definition, which would be a bug.
    pub fn new() -> Result<Self, Failure> {
        Self::held(Limits::default())
    }

    /// Like [`Interpreter::new`], with limits for guests.
    ///
    /// # Errors
    ///
    /// As [`Interpreter::new`].
    pub fn held(limits: Limits) -> Result<Self, Failure> {
        let mut config = Config::default();
        if limits.time.is_some() {
            // Lazy translation would consume fuel too, and cannot resume after running out.
            config
                .consume_fuel(true)
                .compilation_mode(CompilationMode::Eager);
        }
        let engine = Engine::new(&config);
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)
            .map_err(|error| failed("linking preview 1")(&error))?;
        Ok(Interpreter {
            engine,
            linker,
            limits,
        })
    }

    /// Validates a `.wasm`; functions are translated on their first call.
    ///
    /// # Errors
    ///
    /// If the module is rejected.
    pub fn module(&self, wasm: &[u8]) -> Result<Module, Failure> {
        Module::new(&self.engine, wasm).map_err(|error| failed("translating the module")(&error))
    }

    /// Creates an instance with this WASI.
    ///
    /// # Errors
    ///
    /// If the module cannot be linked.
    pub fn instantiate(&self, module: &Module, wasi: WasiCtx) -> Result<Instance, Failure> {
        let limits = StoreLimitsBuilder::new();
        let limits = match self.limits.memory_bytes {
            None => limits,
            Some(bytes) => limits.memory_size(bytes),
        };
        let host = Host {
            wasi,
            limits: limits.build(),
        };
        let mut store = Store::new(&self.engine, host);
        if self.limits.memory_bytes.is_some() {
            store.limiter(|host| &mut host.limits);
        }
        if self.limits.time.is_some() {
            store
                .set_fuel(SLICE)
                .map_err(|error| failed("giving the guest fuel")(&error))?;
        }
        let start = self
            .linker
            .instantiate_and_start(&mut store, module)
            .and_then(|instance| instance.get_typed_func(&store, "_start"))
            .map_err(|error| failed("instantiating the module")(&error))?;
        Ok(Instance {
            store,
            start,
            time: self.limits.time,
        })
    }
}

impl Instance {
    /// Runs `_start` to completion and returns the exit code; 0 if it simply returns.
    ///
    /// # Errors
    ///
    /// If the guest traps.
    pub fn start(&mut self) -> Result<i32, Failure> {
        match self.time {
            None => match self.start.call(&mut self.store, ()) {
                Ok(()) => Ok(0),
                Err(error) => exit_code(&error),
            },
            Some(time) => self.start_within(time),
        }
    }

    fn start_within(&mut self, time: Duration) -> Result<i32, Failure> {
        let begun = Instant::now();
        let mut call = self.start.call_resumable(&mut self.store, ());
        loop {
            let out_of_fuel = match call {
                Err(error) => return exit_code(&error),
                Ok(TypedResumableCall::Finished(())) => return Ok(0),
                // Only `proc_exit` ends a call from the host.
                Ok(TypedResumableCall::HostTrap(trap)) => {
                    return exit_code(trap.host_error());
                }
                Ok(TypedResumableCall::OutOfFuel(call)) => call,
            };
            if begun.elapsed() >= time {
                return Err(Failure(format!(
                    "running _start: interrupted: no more fuel after {time:?}"
                )));
            }
            let fuel = SLICE.max(out_of_fuel.required_fuel());
            self.store
                .set_fuel(fuel)
                .map_err(|error| failed("giving the guest more fuel")(&error))?;
            call = out_of_fuel.resume(&mut self.store);
        }
    }
}

/// The exit code of a call that ended with an error.
fn exit_code(error: &wasmi::Error) -> Result<i32, Failure> {
    let code = error.i32_exit_status();
    code.ok_or_else(|| failed("running _start")(error))
}

/// A WASI with these arguments and an empty environment.
///
/// # Errors
///
/// If an argument contains a zero byte.
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
/// If it cannot be opened.
pub fn grant(builder: &mut WasiCtxBuilder, directory: &Path, name: &str) -> Result<(), Failure> {
    let tried = format!("preopening {}", directory.display());
    let opened = Dir::open_ambient_dir(directory, ambient_authority())
        .map_err(|error| failed(&tried)(&error))?;
    builder
        .preopened_dir(opened, name)
        .map_err(|error| failed(&tried)(&error))?;
    Ok(())
}

/// Wraps a descriptor as one of a guest's streams.
pub fn stream(descriptor: std::fs::File) -> Box<WasiFile> {
    Box::new(WasiFile::from_cap_std(cap_std::fs::File::from_std(
        descriptor,
    )))
}
