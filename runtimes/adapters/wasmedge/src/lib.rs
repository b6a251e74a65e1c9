//! A wrapper around WasmEdge's C API, for the adapter and the runner.
//!
//! It uses `wasmedge-sys`, not the SDK above it: the SDK's executor blocks and unblocks a signal around every host
//! call, including all of WASI, which adds two system calls that WasmEdge itself does not make. Configuration and
//! compiler are the crate's types; everything else is owned here, because the crate does not expose its pointers.
//!
//! A call into compiled code removes all handlers for SIGSEGV, SIGBUS and SIGFPE, so a process that uses this module
//! must not need them.

pub mod specification;

use std::ffi::{CStr, CString};
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::ptr;
use std::time::Duration;

use wasmedge_sys::{Compiler, Config, ffi, utils};
use wasmedge_types::RunMode;

/// How code is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By the interpreter, WasmEdge's default.
    Interpreter,
    /// By the CPU, as code compiled ahead of time. Without this mode WasmEdge silently interprets the module stored in
    /// the compiled file.
    Aot,
}

/// A failed operation and WasmEdge's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// A failure of something other than WasmEdge: what was tried and its error.
    pub fn new(tried: &str, said: &dyn fmt::Display) -> Self {
        Failure(format!("{tried}: {said}"))
    }
}

/// WasmEdge's error message, if the result is a failure.
fn complaint(result: ffi::WasmEdge_Result) -> Option<String> {
    // SAFETY: a result is a plain value, and its message is a static string.
    unsafe {
        let said = CStr::from_ptr(ffi::WasmEdge_ResultGetMessage(result));
        (!ffi::WasmEdge_ResultOK(result)).then(|| said.to_string_lossy().into_owned())
    }
}

fn check(tried: &str, result: ffi::WasmEdge_Result) -> Result<(), Failure> {
    match complaint(result) {
        None => Ok(()),
        Some(said) => Err(Failure(format!("{tried}: {said}"))),
    }
}

fn made<T>(what: &str, pointer: *mut T) -> Result<*mut T, Failure> {
    match pointer.is_null() {
        true => Err(Failure(format!("making {what}: WasmEdge gave nothing"))),
        false => Ok(pointer),
    }
}

fn c_string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure(format!("{text:?} has a zero byte in it")))
}

fn text(path: &Path) -> Result<&str, Failure> {
    let unfit = || Failure(format!("{} is not UTF-8", path.display()));
    path.to_str().ok_or_else(unfit)
}

/// Size of a memory page in bytes.
const PAGE_BYTES: u64 = 64 << 10;

/// Whether compiled code checks for interruption; the interpreter always does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Interruptible {
    /// No checks: WasmEdge's default.
    #[default]
    No,
    /// Checks at every loop and call.
    Yes,
}

/// Limits for an engine's guests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory limit in bytes.
    pub memory_bytes: Option<u64>,
    /// Whether [`Instance::start_within`] can interrupt a guest.
    pub interruptible: Interruptible,
}

/// A configured engine.
#[derive(Debug)]
pub struct Engine {
    config: Config,
}

impl Engine {
    /// An engine with WasmEdge's defaults in this mode. Logging is off, because WasmEdge logs to stdout.
    ///
    /// # Errors
    ///
    /// If WasmEdge cannot allocate it.
    pub fn new(mode: Mode) -> Result<Self, Failure> {
        Self::with(mode, |_| ())
    }

    /// Like [`Engine::new`], with limits. If a module's initial memory exceeds the limit, WasmEdge silently reduces it.
    ///
    /// # Errors
    ///
    /// As [`Engine::new`].
    pub fn held(mode: Mode, limits: Limits) -> Result<Self, Failure> {
        Self::with(mode, |config| {
            if let Some(bytes) = limits.memory_bytes {
                let pages = u32::try_from(bytes / PAGE_BYTES).unwrap_or(u32::MAX);
                config.set_max_memory_pages(pages);
            }
            if limits.interruptible == Interruptible::Yes {
                config.interruptible(true);
            }
        })
    }

    /// Like [`Engine::new`], with changes to the configuration.
    fn with(mode: Mode, change: impl FnOnce(&mut Config)) -> Result<Self, Failure> {
        utils::log_off();
        let mut config =
            Config::create().map_err(|error| Failure(format!("configuring: {error}")))?;
        change(&mut config);
        config.set_run_mode(match mode {
            Mode::Interpreter => RunMode::Interpreter,
            Mode::Aot => RunMode::Aot,
        });
        Ok(Engine { config })
    }

    /// Compiles a `.wasm` ahead of time into a shared library.
    ///
    /// # Errors
    ///
    /// If the module is rejected or the file cannot be written.
    pub fn compile(&self, wasm: &[u8], library: &Path) -> Result<(), Failure> {
        Compiler::create(Some(&self.config))
            .and_then(|compiler| compiler.compile_from_bytes(wasm, library))
            .map_err(|error| Failure(format!("compiling: {error}")))
    }

    /// Parses and validates a `.wasm`.
    ///
    /// # Errors
    ///
    /// If the module is rejected.
    pub fn parse(&self, wasm: &[u8]) -> Result<Module, Failure> {
        let length = u32::try_from(wasm.len())
            .map_err(|_| Failure("a module of 4 GiB or more".to_owned()))?;
        self.module("parsing the module", |loader, module| {
            // SAFETY: loader and bytes outlive the call, which copies what it keeps.
            unsafe {
                let bytes = ffi::WasmEdge_BytesWrap(wasm.as_ptr(), length);
                ffi::WasmEdge_LoaderParseFromBytes(loader, module, bytes)
            }
        })
    }

    /// Loads and validates a file: a `.wasm`, or the output of [`Engine::compile`].
    ///
    /// # Errors
    ///
    /// If it cannot be read or is rejected.
    pub fn load(&self, file: &Path) -> Result<Module, Failure> {
        let path = c_string(text(file)?)?;
        self.module(&format!("loading {}", file.display()), |loader, module| {
            // SAFETY: loader and path outlive the call.
            unsafe { ffi::WasmEdge_LoaderParseFromFile(loader, module, path.as_ptr()) }
        })
    }

    fn module(
        &self,
        tried: &str,
        parse: impl FnOnce(
            *mut ffi::WasmEdge_LoaderContext,
            *mut *mut ffi::WasmEdge_ASTModuleContext,
        ) -> ffi::WasmEdge_Result,
    ) -> Result<Module, Failure> {
        let config = self.config.as_ptr();
        let mut module = ptr::null_mut();
        // SAFETY: the configuration outlives both, and each is deleted once.
        unsafe {
            let loader = made("a loader", ffi::WasmEdge_LoaderCreate(config))?;
            let parsed = parse(loader, &mut module);
            ffi::WasmEdge_LoaderDelete(loader);
            check(tried, parsed)?;
            let module = Module(module);
            let validator = made("a validator", ffi::WasmEdge_ValidatorCreate(config))?;
            let valid = ffi::WasmEdge_ValidatorValidate(validator, module.0);
            ffi::WasmEdge_ValidatorDelete(validator);
            check("validating the module", valid)?;
            Ok(module)
        }
    }

    /// Creates an instance with its own WASI, the guest's inputs and these descriptors as its streams.
    ///
    /// # Errors
    ///
    /// If the module cannot be linked.
    pub fn instantiate(
        &self,
        module: &Module,
        given: &Given,
        streams: [BorrowedFd<'_>; 3],
    ) -> Result<Instance, Failure> {
        let (args, variables, granted) = (&given.args, &given.variables, &given.preopens);
        let pointers =
            |texts: &[CString]| -> Vec<_> { texts.iter().map(|one| one.as_ptr()).collect() };
        let (args, variables, granted) = (pointers(args), pointers(variables), pointers(granted));
        let [stdin, stdout, stderr] = streams.map(|stream| stream.as_raw_fd());
        // SAFETY: all strings outlive the call, which copies them. Every created object is immediately stored in the
        // instance and deleted with it, even if a later one fails.
        unsafe {
            let mut instance = Instance {
                wasi: made(
                    "WASI",
                    ffi::WasmEdge_ModuleInstanceCreateWASIWithFds(
                        args.as_ptr(),
                        args.len() as u32,
                        variables.as_ptr(),
                        variables.len() as u32,
                        granted.as_ptr(),
                        granted.len() as u32,
                        stdin,
                        stdout,
                        stderr,
                    ),
                )?,
                store: ptr::null_mut(),
                executor: ptr::null_mut(),
                module: ptr::null_mut(),
                start: ptr::null(),
            };
            instance.store = made("a store", ffi::WasmEdge_StoreCreate())?;
            let config = self.config.as_ptr();
            let executor = ffi::WasmEdge_ExecutorCreate(config, ptr::null_mut());
            instance.executor = made("an executor", executor)?;
            check(
                "linking WASI",
                ffi::WasmEdge_ExecutorRegisterImport(
                    instance.executor,
                    instance.store,
                    instance.wasi,
                ),
            )?;
            check(
                "instantiating the module",
                ffi::WasmEdge_ExecutorInstantiate(
                    instance.executor,
                    &mut instance.module,
                    instance.store,
                    module.0,
                ),
            )?;
            let name = ffi::WasmEdge_StringWrap(c"_start".as_ptr(), 6);
            instance.start = ffi::WasmEdge_ModuleInstanceFindFunction(instance.module, name);
            match instance.start.is_null() {
                true => Err(Failure("the module exports no _start".to_owned())),
                false => Ok(instance),
            }
        }
    }
}

/// A guest's arguments (starting with the program's name), environment and directories, in WasmEdge's format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    args: Vec<CString>,
    variables: Vec<CString>,
    preopens: Vec<CString>,
}

/// A guest's access to a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read-only.
    Read,
    /// Read and write.
    Write,
}

impl Given {
    /// Only arguments.
    ///
    /// # Errors
    ///
    /// If one contains a zero byte.
    pub fn args(args: &[String]) -> Result<Self, Failure> {
        let args = args.iter().map(|arg| c_string(arg));
        Ok(Given {
            args: args.collect::<Result<_, _>>()?,
            ..Given::default()
        })
    }

    /// Adds an environment variable `NAME=VALUE`.
    ///
    /// # Errors
    ///
    /// If it contains a zero byte.
    pub fn variable(&mut self, variable: &str) -> Result<(), Failure> {
        self.variables.push(c_string(variable)?);
        Ok(())
    }

    /// Adds a directory under this name.
    ///
    /// # Errors
    ///
    /// If its path is not UTF-8 or contains a zero byte.
    pub fn directory(&mut self, path: &Path, name: &str, access: Access) -> Result<(), Failure> {
        let access = match access {
            Access::Read => ":readonly",
            Access::Write => "",
        };
        let said = format!("{name}:{}{access}", text(path)?);
        self.preopens.push(c_string(&said)?);
        Ok(())
    }
}

/// A validated module.
#[derive(Debug)]
pub struct Module(*mut ffi::WasmEdge_ASTModuleContext);

// SAFETY: after validation, instantiation only reads it, through a const pointer.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: the loader created it, and it is deleted only here.
        unsafe { ffi::WasmEdge_ASTModuleDelete(self.0) }
    }
}

/// An instance with its own store, executor and WASI, like the SDK's `Vm`.
#[derive(Debug)]
pub struct Instance {
    wasi: *mut ffi::WasmEdge_ModuleInstanceContext,
    store: *mut ffi::WasmEdge_StoreContext,
    executor: *mut ffi::WasmEdge_ExecutorContext,
    module: *mut ffi::WasmEdge_ModuleInstanceContext,
    start: *const ffi::WasmEdge_FunctionInstanceContext,
}

impl Instance {
    /// Runs `_start` and returns the exit code; 0 if it simply returns.
    ///
    /// # Errors
    ///
    /// If the guest traps.
    pub fn start(&mut self) -> Result<i32, Failure> {
        // SAFETY: executor, function and WASI belong to this instance and are alive; `_start` has no parameters or
        // results. If a guest exits, the call ends with a successful result.
        unsafe {
            let ended = ffi::WasmEdge_ExecutorInvoke(
                self.executor,
                self.start,
                ptr::null(),
                0,
                ptr::null_mut(),
                0,
            );
            check("running _start", ended)?;
            Ok(ffi::WasmEdge_ModuleInstanceWASIGetExitCode(self.wasi) as i32)
        }
    }
}

impl Instance {
    /// Like [`Instance::start`], but on a WasmEdge thread, and interrupts it after `time`, as `wasmedge --time-limit`
    /// does.
    ///
    /// # Errors
    ///
    /// If the guest traps or is interrupted.
    pub fn start_within(&mut self, time: Duration) -> Result<i32, Failure> {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        // SAFETY: as in `start`; the last call but one waits for the handle, and the last deletes it before anything
        // that its thread uses.
        let (in_time, ended) = unsafe {
            let running = made(
                "a call",
                ffi::WasmEdge_ExecutorAsyncInvoke(self.executor, self.start, ptr::null(), 0),
            )?;
            let in_time = ffi::WasmEdge_AsyncWaitFor(running, milliseconds);
            if !in_time {
                ffi::WasmEdge_AsyncCancel(running);
            }
            let ended = ffi::WasmEdge_AsyncGet(running, ptr::null_mut(), 0);
            ffi::WasmEdge_AsyncDelete(running);
            (in_time, ended)
        };
        match (in_time, complaint(ended)) {
            (true, None) => {
                // SAFETY: the WASI module belongs to this instance and is alive.
                Ok(unsafe { ffi::WasmEdge_ModuleInstanceWASIGetExitCode(self.wasi) } as i32)
            }
            (false, Some(said)) => Err(Failure(format!(
                "running _start: interrupted after {time:?}: {said}"
            ))),
            (false, None) => Err(Failure(format!("running _start: ended after {time:?}"))),
            (true, Some(said)) => Err(Failure(format!("running _start: {said}"))),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: each was created for this instance and is deleted only here; deleting null is allowed. The importing
        // instance is deleted before its imports.
        unsafe {
            ffi::WasmEdge_ModuleInstanceDelete(self.module);
            ffi::WasmEdge_ExecutorDelete(self.executor);
            ffi::WasmEdge_StoreDelete(self.store);
            ffi::WasmEdge_ModuleInstanceDelete(self.wasi);
        }
    }
}

/// Version of the loaded library.
pub fn version() -> String {
    // SAFETY: it returns a static string.
    unsafe { CStr::from_ptr(ffi::WasmEdge_VersionGet()) }
        .to_string_lossy()
        .into_owned()
}
