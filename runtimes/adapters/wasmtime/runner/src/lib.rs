//! How Wasmtime is configured, said once for the adapter that compiles artefacts and for the
//! runner that loads them: Wasmtime refuses an artefact of another configuration.

use wasmtime::{Config, Error, Result};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// Which of Wasmtime's compilers makes the machine code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiler {
    /// The optimising one, Wasmtime's default.
    Cranelift,
    /// The baseline one: one pass, fast to compile, slower code.
    Winch,
    /// The optimising one to portable bytecode, and an interpreter of that.
    Pulley,
}

/// How the rest of an engine is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The crate's defaults, untouched.
    Default,
    /// The defaults, without copy-on-write images of memory.
    #[cfg(feature = "compilers")]
    NoCow,
    /// The pooling allocator, with its defaults.
    #[cfg(feature = "compilers")]
    Pooling,
    /// The pooling allocator, tuned to make instances again and again.
    #[cfg(feature = "compilers")]
    PoolingKeepResident,
    /// What a build of the crate without optional features can load.
    Smallest,
}

/// How code can be interrupted: an artefact of one kind does not load as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// Not at all, the crate's default and what is measured.
    None,
    /// When an epoch ends, which code looks at in every loop and function.
    Epochs,
}

impl Interruption {
    /// `config` with it.
    pub fn set(self, config: &mut Config) -> &mut Config {
        match self {
            Interruption::None => config,
            Interruption::Epochs => config.epoch_interruption(true),
        }
    }
}

/// Linear memory that [`Setup::PoolingKeepResident`] resets by copying, bytes: more than any
/// workload's instance dirties, so that no reset falls back to madvise.
pub const MEMORY_KEEP_RESIDENT_BYTES: usize = 16 << 20;
/// Table space that [`Setup::PoolingKeepResident`] resets by copying, bytes.
pub const TABLE_KEEP_RESIDENT_BYTES: usize = 1 << 20;

/// The configuration that compiles and loads artefacts of this compiler and setup.
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

/// What compiles for any processor of x86-64-v2 instead of for this one; artefacts load as ever.
///
/// # Errors
///
/// When the crate does not know the target.
#[cfg(feature = "compilers")]
pub fn portable(config: &mut Config) -> Result<&mut Config> {
    // A target that is named has no feature but its baseline's.
    config.target("x86_64-unknown-linux-gnu")?;
    for feature in ["sse3", "ssse3", "sse41", "sse42", "popcnt", "cmpxchg16b"] {
        // SAFETY: every processor of x86-64-v2 has these, and code for one runs on such only: valgrind
        // presents one, and so does every machine that the rest of the harness runs on.
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

/// Without the compilers, only what Cranelift made can be loaded, and that needs no saying.
#[cfg(not(feature = "compilers"))]
fn choose(_: &mut Config, _: Compiler) {}

/// Tokio's runtime for wasmtime-wasi to find, where a setup brings its own: one worker thread, and
/// no detour through the runtime on each call. wasmtime-wasi otherwise starts one, with a worker
/// for each processor, at the first call that might block. It is never taken down.
///
/// # Errors
///
/// When its thread cannot be started.
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

/// A builder with what every guest gets: these arguments, an empty environment, and the
/// directory, if any, preopened as `.` for reading. Blocking calls run on the guest's thread, as
/// `wasmtime run` has them.
///
/// # Errors
///
/// When the directory cannot be opened.
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

/// The exit code of a `_start` that returned or ended by `proc_exit`.
///
/// # Errors
///
/// Gives the error back if it is a trap or anything else that is no exit.
pub fn exit_code(ended: Result<()>) -> Result<i32, Error> {
    match ended {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Ok(exit.0),
            None => Err(error),
        },
    }
}

/// The import linker of every engine: preview 1, nothing else.
///
/// # Errors
///
/// When Wasmtime refuses a definition, which would be a bug.
pub fn linker(engine: &wasmtime::Engine) -> Result<wasmtime::Linker<WasiP1Ctx>> {
    let mut linker = wasmtime::Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |context| context)?;
    Ok(linker)
}
