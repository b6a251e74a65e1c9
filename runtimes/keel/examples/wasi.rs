//! Runs a WASI program with one argument and captures its output.

use keel::command::{self, Allowance};
use keel::wasi::{Capture, Stdout, WasiCtx};
use keel::{Engine, Module};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        br#"(module
            (import "wasi_snapshot_preview1" "fd_write"
                (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
            (func (export "_start")
                (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#,
    )?;
    let output = Capture::new(1 << 20);
    let context = WasiCtx::builder()
        .arg("program")
        .stdout(Stdout::Capture(output.clone()))
        .build()?;
    let code = command::run(&module, context, Allowance::default())?;
    assert_eq!((code, output.take().as_slice()), (0, b"hello\n".as_slice()));
    Ok(())
}
