//! `preinitialise MODULE.wasm SNAPSHOT.wasm`: calls the module's export `wizer-initialize` and writes
//! the module with the memory and globals that the call left. The initialisation sees nothing of the
//! machine that builds, so the snapshot is a function of the module alone: what it may call is in
//! [`define`], and every other import traps.

use std::fs;

use wasmtime::error::Context;
use wasmtime::{Caller, Engine, Instance, Linker, Module, Result, Store, bail};
use wasmtime_wizer::Wizer;

const PREVIEW1: &str = "wasi_snapshot_preview1";
const SUCCESS: i32 = 0;
/// WASI's error numbers for a descriptor that is not open, and for a place in a pipe.
const BADF: i32 = 8;
const SPIPE: i32 = 70;
/// Bytes of WASI's records of a descriptor and of a file. All zero, they describe something of no known kind.
const FDSTAT_BYTES: i32 = 24;
const FILESTAT_BYTES: i32 = 64;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [module, snapshot] = &args[..] else {
        bail!("usage: preinitialise MODULE.wasm SNAPSHOT.wasm");
    };
    let wasm = fs::read(module).with_context(|| format!("reading {module}"))?;
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let initialised = pollster::block_on(Wizer::new().run(&mut store, &wasm, instantiate))
        .with_context(|| format!("initialising {module}"))?;
    fs::write(snapshot, initialised).with_context(|| format!("writing {snapshot}"))
}

async fn instantiate(store: &mut Store<()>, module: &Module) -> Result<Instance> {
    let mut linker = Linker::new(store.engine());
    define(&mut linker)?;
    linker.define_unknown_imports_as_traps(module)?;
    linker.instantiate_async(store, module).await
}

/// No arguments, no environment, no granted folder, standard streams that are pipes, a clock that stands at zero, random
/// bytes that are zero.
fn define(linker: &mut Linker<()>) -> Result<()> {
    for name in ["args_sizes_get", "environ_sizes_get"] {
        linker.func_wrap(
            PREVIEW1,
            name,
            |mut caller: Caller<'_, ()>, count: i32, bytes: i32| {
                zeroed(&mut caller, count, 4)?;
                zeroed(&mut caller, bytes, 4)
            },
        )?;
    }
    for name in ["args_get", "environ_get"] {
        linker.func_wrap(PREVIEW1, name, |_: i32, _: i32| SUCCESS)?;
    }
    // wasi-libc's constructors look for granted folders, before the snapshot and again at the start of the program.
    linker.func_wrap(PREVIEW1, "fd_prestat_get", |_: i32, _: i32| BADF)?;
    for (name, bytes) in [
        ("fd_fdstat_get", FDSTAT_BYTES),
        ("fd_filestat_get", FILESTAT_BYTES),
    ] {
        linker.func_wrap(
            PREVIEW1,
            name,
            move |mut caller: Caller<'_, ()>, _: i32, at: i32| zeroed(&mut caller, at, bytes),
        )?;
    }
    linker.func_wrap(PREVIEW1, "fd_seek", |_: i32, _: i64, _: i32, _: i32| SPIPE)?;
    linker.func_wrap(
        PREVIEW1,
        "clock_time_get",
        |mut caller: Caller<'_, ()>, _: i32, _: i64, time: i32| zeroed(&mut caller, time, 8),
    )?;
    linker.func_wrap(
        PREVIEW1,
        "random_get",
        |mut caller: Caller<'_, ()>, at: i32, length: i32| zeroed(&mut caller, at, length),
    )?;
    Ok(())
}

fn zeroed(caller: &mut Caller<'_, ()>, at: i32, length: i32) -> Result<i32> {
    let memory = caller
        .get_export("memory")
        .and_then(|memory| memory.into_memory());
    let memory = memory.context("the module exports no memory")?;
    let start = at.cast_unsigned() as usize;
    let bytes = memory.data_mut(caller).get_mut(start..);
    let bytes = bytes.and_then(|rest| rest.get_mut(..length.cast_unsigned() as usize));
    bytes
        .context("the module names bytes outside of its memory")?
        .fill(0);
    Ok(SUCCESS)
}
