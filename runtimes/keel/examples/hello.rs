//! Compiles a module, instantiates it and calls a function.

use keel::{Engine, Linker, Module, Store};

pub(crate) fn main() -> keel::Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        br#"(module (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add")?;
    assert_eq!(add.call(&mut store, (40, 2))?, 42);
    Ok(())
}
