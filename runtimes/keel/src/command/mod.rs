//! Runs a WASI command: a module whose `_start` is a program's main function. A reactor, which has
//! `_initialize` in its place, is initialised, and its export without a name is called, or one that the caller
//! names.

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

/// What a command may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// How many operators it may execute, where the engine meters fuel.
    pub fuel: Option<u64>,
    /// How large its memories and tables may be.
    pub limits: Limits,
}

/// A linker that knows WASI and nothing else.
///
/// # Errors
/// None but [`Error::DuplicateDefinition`], which cannot come up in an empty linker.
pub fn linker(engine: &Engine) -> Result<Linker<WasiCtx>> {
    let mut linker = Linker::new(engine);
    add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
    Ok(linker)
}

/// Runs a command to its end and gives its exit code.
///
/// # Errors
/// Whatever linking fails with; [`Error::Trap`] if the program traps, which includes that it ran out
/// of what it was allowed.
pub fn run(module: &Module, ctx: WasiCtx, allowance: Allowance) -> Result<i32> {
    let mut store = store(module, ctx, allowance)?;
    run_in(&mut store, module, UnknownImports::Refused, None)
}

/// As [`run`], for a process that ends next: the instance is left to the kernel, which takes an address
/// space apart faster than anybody else.
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
        // The store's own timeout does not reach a guest that waits in the host.
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

/// The guest's own code and what it calls, as one symbol: what counts instructions begins here and ends
/// at [`guest_phase_ended`].
#[inline(never)]
fn guest_phase(start: &TypedFunc<(), ()>, store: &mut Store<WasiCtx>) -> Result<()> {
    start.call(store, ())
}

/// Calls an export that takes nothing, and prints its results, one per line.
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
    // Without something to do, the call would be left out.
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
    // A reactor is initialised; what it has for a main function, if anything, has no name.
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
