//! Defines a host function that reads the module's memory.

use keel::{Caller, Engine, Linker, Module, Store};

pub(crate) fn main() -> keel::Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<Vec<String>>::new(&engine);
    linker.func_wrap(
        "host",
        "log",
        |mut caller: Caller<'_, Vec<String>>, at: u32, length: u32| {
            let (memory, lines) = caller
                .memory_and_data()
                .ok_or_else(|| keel::Error::host("the module exports no memory"))?;
            let end = (at as usize).checked_add(length as usize);
            let text = end.and_then(|end| memory.get(at as usize..end));
            let text = text.ok_or_else(|| keel::Error::host("no such text"))?;
            lines.push(String::from_utf8_lossy(text).into_owned());
            Ok::<(), keel::Error>(())
        },
    )?;
    let module = Module::new(
        &engine,
        br#"(module
            (import "host" "log" (func $log (param i32 i32)))
            (memory (export "memory") 1) (data (i32.const 8) "hello")
            (func (export "run") (call $log (i32.const 8) (i32.const 5))))"#,
    )?;
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    run.call(&mut store, ())?;
    assert_eq!(store.data(), &["hello".to_owned()]);
    Ok(())
}
