//! Interrupts an endless loop from another thread.

use std::time::Duration;

use keel::{Engine, Linker, Module, Store, TrapKind};

pub(crate) fn main() -> keel::Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, br#"(module (func (export "spin") (loop (br 0))))"#)?;
    let mut store = Store::new(&engine, ());
    let handle = store.interrupt_handle()?;
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(10));
        handle.interrupt();
    });
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let spin = instance.get_typed_func::<(), ()>(&mut store, "spin")?;
    let stopped = spin.call(&mut store, ());
    let kind = stopped
        .err()
        .and_then(|error| error.as_trap().map(|trap| trap.kind));
    assert_eq!(kind, Some(TrapKind::Interrupted));
    assert!(other.join().is_ok());
    Ok(())
}
