//! Runs an untrusted module with limits on memory, time and instructions.

use std::time::Duration;

use keel::{Config, Engine, Fuel, Limits, Linker, Module, Store, TrapKind};

pub(crate) fn main() -> keel::Result<()> {
    let engine = Engine::new(Config::new().fuel(Fuel::Metered));
    let module = Module::new(
        &engine,
        br#"(module (memory 1)
            (func (export "grow") (result i32) (memory.grow (i32.const 100)))
            (func (export "spin") (loop (br 0))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits {
        memory_bytes: 1 << 20,
        total_bytes: 2 << 20,
        ..Limits::default()
    });
    store.set_fuel(10_000);
    store.set_timeout(Some(Duration::from_secs(10)))?;
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let grow = instance.get_typed_func::<(), i32>(&mut store, "grow")?;
    // 101 pages are 6.3 MiB, above the limit per memory.
    assert_eq!(grow.call(&mut store, ())?, -1);
    let spin = instance.get_typed_func::<(), ()>(&mut store, "spin")?;
    let stopped = spin.call(&mut store, ());
    let kind = stopped
        .err()
        .and_then(|error| error.as_trap().map(|trap| trap.kind));
    assert_eq!(kind, Some(TrapKind::OutOfFuel));
    Ok(())
}
