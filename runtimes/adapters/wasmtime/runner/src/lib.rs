//! Configuration of Wasmtime, shared by the adapter that compiles artefacts and the runner that loads them, because
//! Wasmtime rejects artefacts of another configuration.

use wasmtime::{Config, Error, Result};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// Wasmtime's compilers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiler {
    /// The optimising compiler, Wasmtime's default.
    Cranelift,
    /// The baseline compiler: a single fast pass, slower code.
    Winch,
    /// The optimising compiler to portable bytecode, with an interpreter for it.
    Pulley,
}

/// Other settings of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The crate's defaults.
    Default,
    /// The defaults without copy-on-write memory images.
    #[cfg(feature = "compilers")]
    NoCow,
    /// The pooling allocator with its defaults.
    #[cfg(feature = "compilers")]
    Pooling,
    /// The pooling allocator, tuned for repeated instantiation.
    #[cfg(feature = "compilers")]
    PoolingKeepResident,
    /// Settings that a build of the crate without optional features can load.
    Smallest,
}

/// How code can be interrupted. An artefact loads only with the setting that it was compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// Not at all: the crate's default, and what is measured.
    None,
    /// By epochs, which code checks in every loop and function.
    Epochs,
}

impl Interruption {
    /// Applies it to `config`.
    pub fn set(self, config: &mut Config) -> &mut Config {
        match self {
            Interruption::None => config,
            Interruption::Epochs => config.epoch_interruption(true),
        }
    }
}

/// Linear memory in bytes that [`Setup::PoolingKeepResident`] resets by copying: more than any workload's instance
/// dirties, so that no reset falls back to madvise.
pub const MEMORY_KEEP_RESIDENT_BYTES: usize = 16 << 20;
/// Table space in bytes that [`Setup::PoolingKeepResident`] resets by copying.
pub const TABLE_KEEP_RESIDENT_BYTES: usize = 1 << 20;

/// The configuration for compiling and loading artefacts with this compiler and setup.
pub fn configuration(compiler: Compiler, setup: Setup) -> Config {
    let mut config = Config::new();
    choose(&mut config, compiler);
    match setup {
        Setup::Default => {}
        #[cfg(feature = "compilers")]
        Setup::NoCow => {
            config.memory_init_cow(false);
        }
        #[cfg(feature = "compilers")]
        Setup::Pooling => {
            config.allocation_strategy(wasmtime::PoolingAllocationConfig::new());
        }
        #[cfg(feature = "compilers")]
        Setup::PoolingKeepResident => {
            let mut pool = wasmtime::PoolingAllocationConfig::new();
            pool.linear_memory_keep_resident(MEMORY_KEEP_RESIDENT_BYTES)
                .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
                .pagemap_scan(wasmtime::Enabled::Auto);
            config.allocation_strategy(pool).concurrency_support(false);
        }
        Setup::Smallest => {
            config.gc_support(false).concurrency_support(false);
            #[cfg(feature = "compilers")]
            config
                .wasm_exceptions(false)
                .wasm_threads(false)
                .generate_address_map(false);
        }
    }
    config
}

/// Compiles for any x86-64-v2 CPU instead of the host's; loading is unaffected.
///
/// # Errors
///
/// If the crate does not support the target.
#[cfg(feature = "compilers")]
pub fn portable(config: &mut Config) -> Result<&mut Config> {
    // An explicitly named target has only its baseline features.
    config.target("x86_64-unknown-linux-gnu")?;
    for feature in ["sse3", "ssse3", "sse41", "sse42", "popcnt", "cmpxchg16b"] {
        // SAFETY: every x86-64-v2 CPU has these features, and the code runs only on such CPUs: valgrind emulates one,
        // and every machine that the harness supports is one.
        unsafe { config.cranelift_flag_enable(&format!("has_{feature}")) };
    }
    Ok(config)
}

#[cfg(feature = "compilers")]
fn choose(config: &mut Config, compiler: Compiler) {
    config.strategy(match compiler {
        Compiler::Cranelift | Compiler::Pulley => wasmtime::Strategy::Cranelift,
        Compiler::Winch => wasmtime::Strategy::Winch,
    });
    if compiler == Compiler::Pulley {
        config
            .target("pulley64")
            .expect("the crate knows its own interpreter's name");
    }
}

/// Without the compilers only Cranelift's artefacts can be loaded, which needs no setting.
#[cfg(not(feature = "compilers"))]
fn choose(_: &mut Config, _: Compiler) {}

/// A Tokio runtime for wasmtime-wasi, if the setup needs one: it has one worker thread, and calls do not go through it.
/// Otherwise wasmtime-wasi starts one with a worker per CPU at the first call that might block. It is never shut down.
///
/// # Errors
///
/// If its thread cannot be started.
pub fn runtime(setup: Setup) -> std::io::Result<Option<&'static tokio::runtime::Runtime>> {
    match setup {
        Setup::Default => Ok(None),
        #[cfg(feature = "compilers")]
        Setup::NoCow | Setup::Pooling => Ok(None),
        #[cfg(feature = "compilers")]
        Setup::PoolingKeepResident => one_worker().map(Some),
        Setup::Smallest => one_worker().map(Some),
    }
}

fn one_worker() -> std::io::Result<&'static tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    Ok(Box::leak(Box::new(runtime)))
}

/// A builder with these arguments, an empty environment, and the directory, if any, preopened as `.`, read-only.
/// Blocking calls run on the guest's thread, as in `wasmtime run`.
///
/// # Errors
///
/// If the directory cannot be opened.
pub fn guest(
    args: &[impl AsRef<str>],
    directory: Option<&std::path::Path>,
) -> Result<WasiCtxBuilder> {
    let mut builder = WasiCtxBuilder::new();
    builder.args(args).allow_blocking_current_thread(true);
    if let Some(directory) = directory {
        builder.preopened_dir(directory, ".", FsPerms::ReadOnly)?;
    }
    Ok(builder)
}

/// The exit code of a `_start` that returned or called `proc_exit`.
///
/// # Errors
///
/// Returns the error if it is a trap or anything other than an exit.
pub fn exit_code(ended: Result<()>) -> Result<i32, Error> {
    match ended {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Ok(exit.0),
            None => Err(error),
        },
    }
}

/// The linker of every engine: only preview 1.
///
/// # Errors
///
/// If Wasmtime rejects a definition, which would be a bug.
pub fn linker(engine: &wasmtime::Engine) -> Result<wasmtime::Linker<WasiP1Ctx>> {
    let mut linker = wasmtime::Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |context| context)?;
    Ok(linker)
}
