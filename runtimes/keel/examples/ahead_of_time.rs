//! Compiles on one machine for another machine's CPU, then runs the artefact.

use keel::{Config, Cpu, Engine, Linker, Module, Store};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cpu: Cpu = "x86-64-v2".parse()?;
    let builder = Engine::new(Config::new().cpu(cpu));
    let wasm = wat::parse_str(r#"(module (func (export "run") (result i32) (i32.const 7)))"#)?;
    let artefact = builder.compile(&wasm)?;

    let engine = Engine::default();
    // SAFETY: this program made the artefact itself. An artefact is native code: load one from
    // elsewhere only if you trust its author with this process.
    let module = unsafe { Module::deserialize(&engine, &artefact)? };
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, ())?, 7);
    Ok(())
}
