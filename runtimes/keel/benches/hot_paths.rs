//! Micro-benchmarks of keel's hot paths, for work on keel itself:
//! `cargo bench --workspace --bench hot_paths`. Published figures come from `bench`.

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use keel::wasi::{Stdout, WasiCtx};
use keel::{Caller, Config, Engine, InstancePre, Linker, Module, Store, command};

fn workload(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../workloads/wasm");
    let path = PathBuf::from(folder).join(name).with_extension("wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn context() -> WasiCtx {
    let context = WasiCtx::builder().stdout(Stdout::Null).arg("hello");
    context.build().expect("a context")
}

/// Creates and drops an instance; `runs` decides whether `_start` runs in between.
fn cycle(engine: &Engine, module: &InstancePre<WasiCtx>, runs: Runs) {
    let mut store = Store::new(engine, context());
    let instance = module.instantiate(&mut store).expect("an instance");
    if runs == Runs::Once {
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start");
        let called = start.expect("_start").call(&mut store, ());
        black_box(called).expect("hello runs to its end");
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    Never,
    Once,
}

fn instances(criterion: &mut Criterion) {
    let engine = Engine::new(Config::new());
    let module = Module::new(&engine, &workload("hello")).expect("hello compiles");
    let linker = command::linker(&engine).expect("preview 1 links");
    let module = linker.instantiate_pre(&module).expect("hello links");
    let mut group = criterion.benchmark_group("instance of hello");
    for (name, runs) in [
        ("made and reset", Runs::Never),
        ("made, run and reset", Runs::Once),
    ] {
        group.bench_function(name, |b| b.iter(|| cycle(&engine, &module, runs)));
    }
    group.finish();
}

/// `id` returns its argument; `out` calls the host once.
const CALLS: &[u8] = br#"(module (import "host" "f" (func $f (param i32) (result i32)))
    (func (export "id") (param i32) (result i32) (local.get 0))
    (func (export "out") (param i32) (result i32) (call $f (local.get 0))))"#;

fn calls(criterion: &mut Criterion) {
    let engine = Engine::new(Config::new());
    let module = Module::new(&engine, CALLS).expect("it compiles");
    let mut linker = Linker::<()>::new(&engine);
    let defined = linker.func_wrap("host", "f", |_: Caller<'_, ()>, n: i32| n);
    defined.expect("a host function");
    let mut store = Store::new(&engine, ());
    let instance = linker
        .instantiate(&mut store, &module)
        .expect("an instance");
    let mut group = criterion.benchmark_group("call");
    for (name, export) in [
        ("into code", "id"),
        ("into code and out to the host", "out"),
    ] {
        let function = instance.get_typed_func::<i32, i32>(&mut store, export);
        let function = function.expect("it is exported");
        group.bench_function(name, |b| {
            b.iter(|| function.call(&mut store, black_box(7)).expect("it runs"));
        });
    }
    group.finish();
}

fn artefacts(criterion: &mut Criterion) {
    let engine = Engine::new(Config::new());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("artefact opened");
    for name in ["hello", "sqlite"] {
        let path = folder.path().join(name);
        let compiled = engine.compile(&workload(name)).expect("it compiles");
        std::fs::write(&path, compiled).expect("a writable folder");
        group.bench_function(name, |b| {
            b.iter(|| {
                // SAFETY: this program wrote the file a few lines above, so its code is trusted.
                let module = unsafe { Module::deserialize_file(&engine, &path) };
                module.expect("an artefact")
            });
        });
    }
    group.finish();
}

fn compiling(criterion: &mut Criterion) {
    let engine = Engine::new(Config::new());
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10);
    for name in ["hello", "sha256"] {
        let wasm = workload(name);
        group.bench_function(name, |b| {
            b.iter(|| engine.compile(black_box(&wasm)).expect("it compiles"));
        });
    }
    group.finish();
}

criterion_group!(hot_paths, instances, calls, artefacts, compiling);
criterion_main!(hot_paths);
