//! Measures start-up: `cargo run --release -p keel --example start_cost -- PROGRAM.wasm`.
//!
//! Prints medians over batches, in microseconds, of three operations: create, run and drop an
//! instance; map an artefact and instantiate it; call between host and guest. Use it during
//! development; published figures come from `bench`.

use std::time::{Duration, Instant};

use keel::wasi::{Stdout, WasiCtx};
use keel::{Caller, Config, Engine, Error, Linker, Module, Store, command};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: start_cost PROGRAM.wasm")?;
    let engine = Engine::new(Config::new());
    let before = Instant::now();
    let module = Module::from_file(&engine, &path)?;
    println!("compile              {:>10.1} us", micros(before.elapsed()));
    let artifact = std::env::temp_dir().join(format!("start-cost-{}.keel", std::process::id()));
    std::fs::write(&artifact, module.serialize()?)?;

    let pre = command::linker(&engine)?.instantiate_pre(&module)?;
    let context = || WasiCtx::builder().stdout(Stdout::Null).arg("hello").build();
    measure("make a WASI context", || {
        context().expect("a context");
    });
    measure("store, instance", || {
        let mut store = Store::new(&engine, context().expect("a context"));
        pre.instantiate(&mut store).expect("an instance");
    });
    measure("store, instance, run", || {
        let mut store = Store::new(&engine, context().expect("a context"));
        let instance = pre.instantiate(&mut store).expect("an instance");
        let start = instance
            .get_typed_func::<(), ()>(&mut store, "_start")
            .expect("_start");
        match start.call(&mut store, ()) {
            // A program that exits because it has no arguments is still a valid sample.
            Ok(()) | Err(Error::Exit(_)) => {}
            Err(error) => panic!("{error}"),
        }
    });
    let linker = command::linker(&engine)?;
    measure("file to instance", || {
        // SAFETY: this program wrote the file above, so its code is trusted.
        let module = unsafe { Module::deserialize_file(&engine, &artifact) };
        let module = module.expect("an artefact");
        let mut store = Store::new(&engine, context().expect("a context"));
        linker
            .instantiate(&mut store, &module)
            .expect("an instance");
    });
    std::fs::remove_file(&artifact)?;
    calls(&engine)
}

/// Measures guest calls and host calls, each in a loop.
fn calls(engine: &Engine) -> Result<(), Box<dyn std::error::Error>> {
    let module = Module::new(engine, CALLS)?;
    let mut linker = Linker::<()>::new(engine);
    linker.func_wrap("host", "f", |_: Caller<'_, ()>, n: i32| n)?;
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let id = instance.get_typed_func::<i32, i32>(&mut store, "id")?;
    let out = instance.get_typed_func::<i32, i32>(&mut store, "out")?;
    const TIMES: i32 = 1000;
    measure("1000 calls in", || {
        for n in 0..TIMES {
            id.call(&mut store, n).expect("it runs");
        }
    });
    measure("1000 calls out", || {
        out.call(&mut store, TIMES).expect("it runs");
    });
    Ok(())
}

/// `id` returns its argument; `out` calls the host as often as its argument says.
const CALLS: &[u8] = br#"(module (import "host" "f" (func $f (param i32) (result i32)))
    (func (export "id") (param i32) (result i32) (local.get 0))
    (func (export "out") (param i32) (result i32)
        (loop $l (drop (call $f (local.get 0)))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 0)))"#;

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Prints the median per iteration over batches of ten.
fn measure(what: &str, mut run: impl FnMut()) {
    let mut batches: Vec<Duration> = (0..500)
        .map(|_| {
            let before = Instant::now();
            for _ in 0..10 {
                run();
            }
            before.elapsed() / 10
        })
        .collect();
    batches.sort();
    let (lowest, median) = (micros(batches[0]), micros(batches[batches.len() / 2]));
    println!("{what:<20} {median:>10.2} us (lowest {lowest:.2})");
}
