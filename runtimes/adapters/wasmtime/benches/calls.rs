//! Measures host calls into WebAssembly and back, on keel and Wasmtime, in one run: `cargo bench --manifest-path
//! runtimes/adapters/wasmtime/Cargo.toml --bench calls`.
//!
//! Both engines use their default configurations, run the same module, and are called through typed functions. Their
//! samples alternate by group, so that the two sides of a ratio are measured within the same minute.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// Host calls per call into WebAssembly.
const CALLS_OUT: i32 = 1000;

/// `id` returns its argument, `sum` adds three values of different types, `out` calls the host repeatedly.
const MODULE: &str = r#"(module
    (import "host" "f" (func $f (param i32) (result i32)))
    (import "host" "g" (func $g (param i32 i64 f64) (result i64)))
    (func (export "nothing"))
    (func (export "id") (param i32) (result i32) (local.get 0))
    (func (export "sum") (param i32 i64 f64) (result i64)
        (i64.add (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)) (i64.trunc_sat_f64_s (local.get 2))))
    (func (export "out") (param $n i32) (result i32) (local $sum i32)
        (loop $more
            (local.set $sum (i32.add (local.get $sum) (call $f (local.get $n))))
            (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum))
    (func (export "out3") (param $n i32) (result i32) (local $sum i64)
        (loop $more
            (local.set $sum (i64.add (local.get $sum) (call $g (local.get $n) (local.get $sum) (f64.const 1.5))))
            (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i32.wrap_i64 (local.get $sum))))"#;

/// Adds one benchmark per function; works for engines with the same API names.
macro_rules! engine {
    ($criterion:ident, $name:literal, $krate:ident) => {{
        use $krate::{Caller, Linker, Module, Store, TypedFunc};
        let engine = $krate::Engine::default();
        let module = Module::new(&engine, MODULE.as_bytes()).expect("the module compiles");
        let mut linker = Linker::<u64>::new(&engine);
        let defined = linker.func_wrap("host", "f", |_: Caller<'_, u64>, n: i32| n ^ 1);
        defined.expect("a host function");
        let three = |_: Caller<'_, u64>, a: i32, b: i64, c: f64| i64::from(a) ^ b ^ (c as i64);
        linker
            .func_wrap("host", "g", three)
            .expect("a host function");
        let mut store = Store::new(&engine, 0);
        let instance = linker
            .instantiate(&mut store, &module)
            .expect("an instance");
        let nothing: TypedFunc<(), ()> = instance
            .get_typed_func(&mut store, "nothing")
            .expect("nothing");
        let id: TypedFunc<i32, i32> = instance.get_typed_func(&mut store, "id").expect("id");
        let sum: TypedFunc<(i32, i64, f64), i64> =
            instance.get_typed_func(&mut store, "sum").expect("sum");
        let out: TypedFunc<i32, i32> = instance.get_typed_func(&mut store, "out").expect("out");
        let out3: TypedFunc<i32, i32> = instance.get_typed_func(&mut store, "out3").expect("out3");
        let mut group = |group: &str, call: &mut dyn FnMut()| {
            let mut group = $criterion.benchmark_group(group);
            group.bench_function($name, |bencher| bencher.iter(&mut *call));
            group.finish();
        };
        group("into, no values", &mut || {
            black_box(nothing.call(&mut store, ())).expect("it runs");
        });
        group("into, one value", &mut || {
            black_box(id.call(&mut store, black_box(7)).expect("it runs"));
        });
        group("into, three values", &mut || {
            black_box(
                sum.call(&mut store, black_box((7, 8, 9.0)))
                    .expect("it runs"),
            );
        });
        group("1000 out, one value", &mut || {
            black_box(out.call(&mut store, CALLS_OUT).expect("it runs"));
        });
        group("1000 out, three values", &mut || {
            black_box(out3.call(&mut store, CALLS_OUT).expect("it runs"));
        });
    }};
}

fn calls(criterion: &mut Criterion) {
    engine!(criterion, "keel", keel);
    engine!(criterion, "wasmtime", wasmtime);
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    targets = calls
}
criterion_main!(benches);
