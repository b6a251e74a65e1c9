//! Runs WASI commands: modules with a `_start` function as their main function. A reactor, which
//! has `_initialize` instead, is initialised; then its export with the empty name, or one that the
//! caller names, is called.

mod options;

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::func::TypedFunc;
use crate::instance::Instance;
use crate::limits::Limits;
use crate::linker::Linker;
use crate::module::Module;
use crate::store::Store;
use crate::value::Val;
use crate::wasi::{WasiCtx, add_to_linker};

pub use options::{Form, HELP, Options, Request, TRAPPED, USAGE, UnknownImports, explain, read};

/// The resources that a command may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    /// The time limit, for code and host calls together.
    pub timeout: Option<Duration>,
    /// The number of operators it may execute, if the engine meters fuel.
    pub fuel: Option<u64>,
    /// The limits on its memories, tables and heap.
    pub limits: Limits,
}

/// A linker that defines WASI and nothing else.
///
/// # Errors
/// Only [`Error::DuplicateDefinition`], which an empty linker never returns.
pub fn linker(engine: &Engine) -> Result<Linker<WasiCtx>> {
    let mut linker = Linker::new(engine);
    add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
    Ok(linker)
}

/// Runs a command and returns its exit code.
///
/// # Errors
/// Linking errors; [`Error::Trap`] if the program traps, which includes exceeding its allowance.
pub fn run(module: &Module, ctx: WasiCtx, allowance: Allowance) -> Result<i32> {
    let mut store = store(module, ctx, allowance)?;
    run_in(&mut store, module, UnknownImports::Refused, None)
}

/// As [`run`], for a process that exits right after. The instance is never freed, because the
/// kernel frees an address space faster.
///
/// # Errors
/// As [`run`].
pub fn run_last(
    module: &Module,
    ctx: WasiCtx,
    allowance: Allowance,
    unknown: UnknownImports,
    invoke: Option<&str>,
) -> Result<i32> {
    let mut store = std::mem::ManuallyDrop::new(store(module, ctx, allowance)?);
    run_in(&mut store, module, unknown, invoke)
}

fn store(module: &Module, mut ctx: WasiCtx, allowance: Allowance) -> Result<Store<WasiCtx>> {
    if let Some(timeout) = allowance.timeout {
        // The store's timeout does not interrupt a guest that waits in the host.
        ctx.set_deadline(Instant::now().checked_add(timeout));
    }
    let mut store = Store::new(module.engine(), ctx);
    store.set_limits(allowance.limits);
    if let Some(fuel) = allowance.fuel {
        store.set_fuel(fuel);
    }
    if allowance.timeout.is_some() {
        store.set_timeout(allowance.timeout)?;
    }
    Ok(store)
}

/// Runs the guest, as one symbol that instruction counters recognise: counting starts here and
/// stops at [`guest_phase_ended`].
#[inline(never)]
fn guest_phase(start: &TypedFunc<(), ()>, store: &mut Store<WasiCtx>) -> Result<()> {
    start.call(store, ())
}

/// Calls an export without parameters and prints its results, one per line.
fn invoke_export(instance: Instance, name: &str, store: &mut Store<WasiCtx>) -> Result<()> {
    let results = instance
        .get_func(&mut *store, name)?
        .call(&mut *store, &[])?;
    for result in results {
        let text = match result {
            Val::I32(number) => number.to_string(),
            Val::I64(number) => number.to_string(),
            Val::F32(bits) => f32::from_bits(bits).to_string(),
            Val::F64(bits) => f64::from_bits(bits).to_string(),
            other => format!("{other:?}"),
        };
        writeln!(std::io::stdout(), "{text}").map_err(Error::host)?;
    }
    Ok(())
}

#[inline(never)]
fn guest_phase_ended() {
    // An empty function's call could be optimised away.
    std::hint::black_box(());
}

fn run_in(
    store: &mut Store<WasiCtx>,
    module: &Module,
    unknown: UnknownImports,
    invoke: Option<&str>,
) -> Result<i32> {
    let mut linker = linker(module.engine())?;
    if unknown == UnknownImports::Trap {
        linker.define_unknown_imports_as_traps(module)?;
    }
    // A reactor is initialised first; its main function, if any, has the empty name.
    let exports = |name: &&str| module.export(name).is_some();
    let names: Vec<&str> = match exports(&"_start") {
        _ if invoke.is_some() => ["_initialize"].into_iter().filter(exports).collect(),
        true => vec!["_start"],
        false => ["_initialize", ""].into_iter().filter(exports).collect(),
    };
    if names.is_empty() && invoke.is_none() {
        return Err(Error::UnknownExport {
            name: "_start".to_owned(),
            found: "it exports no such name, nor `_initialize`".to_owned(),
        });
    }
    let result = linker
        .instantiate(&mut *store, module)
        .and_then(|instance| {
            for name in names {
                let start = instance.get_typed_func::<(), ()>(&mut *store, name)?;
                guest_phase(&start, store)?;
            }
            invoke.map_or(Ok(()), |name| invoke_export(instance, name, store))
        });
    guest_phase_ended();
    match result {
        Ok(()) => Ok(0),
        Err(Error::Exit(code)) => Ok(code),
        Err(error) => Err(error),
    }
}
