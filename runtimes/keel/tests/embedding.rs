//! The embedding API: calls, host functions, traps and limits, none of which harms the host.

use std::time::Duration;

use keel::{
    Caller, Config, Engine, Error, ExternRef, Fuel, Instance, Limits, Linker, Module, Mutability,
    Store, Trap, TrapKind, Val,
};

fn instantiate<T: 'static>(linker: &Linker<T>, store: &mut Store<T>, wat: &str) -> Instance {
    let module = Module::new(linker.engine(), wat.as_bytes()).expect("a valid module");
    linker
        .instantiate(store, &module)
        .expect("its imports are defined")
}

/// A store with one instance of a module without imports.
fn alone(engine: &Engine, wat: &str) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let instance = instantiate(&Linker::new(engine), &mut store, wat);
    (store, instance)
}

fn trap(error: Error) -> Trap {
    match error {
        Error::Trap(trap) => *trap,
        other => panic!("not a trap: {other}"),
    }
}

fn call(store: &mut Store<()>, instance: Instance, name: &str) -> Result<(), Error> {
    instance
        .get_typed_func::<(), ()>(&mut *store, name)?
        .call(store, ())
}

#[test]
fn a_trap_names_the_functions_and_offsets() {
    let (mut store, instance) = alone(
        &Engine::default(),
        r#"(module (memory 1)
            (func $inner (loop) (drop (i32.load (i32.const 65536))))
            (func $outer (export "run") (call $inner)))"#,
    );
    let trap = trap(call(&mut store, instance, "run").expect_err("out of bounds"));
    assert_eq!(trap.kind, TrapKind::MemoryOutOfBounds);
    let names: Vec<_> = trap
        .frames
        .iter()
        .map(|frame| frame.name.as_deref())
        .collect();
    assert_eq!(names, [Some("inner"), Some("outer")]);
    assert!(
        trap.frames.iter().all(|frame| frame.offset.is_some()),
        "{trap}"
    );
}

#[test]
fn endless_recursion_is_a_trap_and_the_store_goes_on() {
    let (mut store, instance) = alone(
        &Engine::default(),
        r#"(module (func $f (export "f") (call $f)) (func (export "g")))"#,
    );
    for _ in 0..3 {
        let trap = trap(call(&mut store, instance, "f").expect_err("endless"));
        assert_eq!(trap.kind, TrapKind::StackOverflow);
        call(&mut store, instance, "g").expect("the store goes on");
    }
}

#[test]
fn recursion_through_the_host_is_a_trap() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("host", "again", |mut caller: Caller<'_, ()>| {
            let again = caller
                .instance()
                .get_typed_func::<(), ()>(&mut caller, "f")?;
            again.call(&mut caller, ())
        })
        .expect("a new name");
    let mut store = Store::new(&engine, ());
    let instance = instantiate(
        &linker,
        &mut store,
        r#"(module (import "host" "again" (func $again)) (func (export "f") (call $again)))"#,
    );
    let trap = trap(call(&mut store, instance, "f").expect_err("endless"));
    assert_eq!(trap.kind, TrapKind::StackOverflow);
}

#[test]
fn a_host_error_comes_out_as_it_went_in() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap(
            "host",
            "exit",
            |code: Caller<'_, ()>, n: i32| -> Result<(), Error> {
                let _ = code;
                Err(if n < 0 {
                    Error::host("negative")
                } else {
                    Error::Exit(n)
                })
            },
        )
        .expect("a new name");
    let mut store = Store::new(&engine, ());
    let instance = instantiate(
        &linker,
        &mut store,
        r#"(module (import "host" "exit" (func $exit (param i32)))
            (func (export "exit") (param i32) (call $exit (local.get 0)) (unreachable)))"#,
    );
    let exit = instance
        .get_typed_func::<i32, ()>(&mut store, "exit")
        .expect("it is there");
    assert!(matches!(exit.call(&mut store, 7), Err(Error::Exit(7))));
    let error = exit.call(&mut store, -1).expect_err("negative");
    assert_eq!(error.to_string(), "negative");
}

#[test]
fn a_panic_in_a_host_function_passes_through_code() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("host", "panic", |_: Caller<'_, ()>| -> () {
            panic!("on purpose")
        })
        .expect("a new name");
    let mut store = Store::new(&engine, ());
    let instance = instantiate(
        &linker,
        &mut store,
        r#"(module (import "host" "panic" (func $panic))
            (func (export "run") (call $panic)) (func (export "fine")))"#,
    );
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = call(&mut store, instance, "run");
    }));
    let message = caught.expect_err("it panics");
    assert_eq!(message.downcast_ref::<&str>(), Some(&"on purpose"));
    call(&mut store, instance, "fine").expect("the store goes on");
}

#[test]
fn host_functions_take_and_give_every_number() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap(
            "host",
            "mix",
            |_: Caller<'_, ()>, a: i32, b: i64, c: f32, d: f64| {
                (d as f32, c as f64, b as i32, i64::from(a))
            },
        )
        .expect("a new name");
    let mut store = Store::new(&engine, ());
    let instance = instantiate(
        &linker,
        &mut store,
        r#"(module (import "host" "mix" (func $mix (param i32 i64 f32 f64) (result f32 f64 i32 i64)))
            (func (export "mix") (param i32 i64 f32 f64) (result f32 f64 i32 i64)
                (call $mix (local.get 0) (local.get 1) (local.get 2) (local.get 3))))"#,
    );
    let mix = instance
        .get_typed_func::<(i32, i64, f32, f64), (f32, f64, i32, i64)>(&mut store, "mix")
        .expect("it is there");
    let mixed = mix
        .call(&mut store, (-1, 1 << 20, 2.5, -0.25))
        .expect("it runs");
    assert_eq!(mixed, (-0.25, 2.5, 1 << 20, -1));
}

#[test]
fn fuel_stops_an_endless_loop_and_is_counted() {
    let engine = Engine::new(Config::new().fuel(Fuel::Metered));
    let (mut store, instance) = alone(
        &engine,
        r#"(module (func (export "spin") (loop $l (br $l))) (func (export "once") (nop) (drop (i32.const 1))))"#,
    );
    store.set_fuel(1000);
    call(&mut store, instance, "once").expect("enough fuel");
    assert_eq!(store.fuel(), 998);
    let trap = trap(call(&mut store, instance, "spin").expect_err("endless"));
    assert_eq!(trap.kind, TrapKind::OutOfFuel);
    assert_eq!(store.fuel(), 0);
}

#[test]
fn a_timeout_stops_an_endless_loop() {
    let (mut store, instance) = alone(
        &Engine::default(),
        r#"(module (func $spin (export "spin") (loop $l (br $l))))"#,
    );
    store
        .set_timeout(Some(Duration::from_millis(20)))
        .expect("a thread");
    for _ in 0..3 {
        let trap = trap(call(&mut store, instance, "spin").expect_err("endless"));
        assert_eq!(trap.kind, TrapKind::Interrupted);
        assert_eq!(
            trap.frames.first().and_then(|frame| frame.name.as_deref()),
            Some("spin")
        );
    }
}

#[test]
fn another_thread_can_interrupt_a_store() {
    let (mut store, instance) = alone(
        &Engine::default(),
        r#"(module (func (export "spin") (loop $l (br $l))) (func (export "f")))"#,
    );
    let handle = store.interrupt_handle().expect("a thread");
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        handle.interrupt();
    });
    let trap = trap(call(&mut store, instance, "spin").expect_err("endless"));
    assert_eq!(trap.kind, TrapKind::Interrupted);
    other.join().expect("it does not panic");
    call(&mut store, instance, "f").expect("the store goes on");
}

#[test]
fn limits_hold_for_memories_and_tables() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits {
        memory_bytes: 3 << 16,
        table_elements: 10,
        ..Limits::default()
    });
    let instance = instantiate(
        &Linker::new(&engine),
        &mut store,
        r#"(module (memory 2) (table 8 externref)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "grow_table") (param i32) (result i32)
                (table.grow (ref.null extern) (local.get 0))))"#,
    );
    let grow = instance
        .get_typed_func::<i32, i32>(&mut store, "grow")
        .expect("it is there");
    assert_eq!(grow.call(&mut store, 2).expect("it runs"), -1);
    assert_eq!(grow.call(&mut store, 1).expect("it runs"), 2);
    assert_eq!(grow.call(&mut store, 1).expect("it runs"), -1);
    let grow = instance
        .get_typed_func::<i32, i32>(&mut store, "grow_table")
        .expect("it is there");
    assert_eq!(grow.call(&mut store, 3).expect("it runs"), -1);
    assert_eq!(grow.call(&mut store, 2).expect("it runs"), 8);
    let large = Module::new(&engine, b"(module (memory 4))").expect("a valid module");
    let refused = Linker::new(&engine).instantiate(&mut store, &large);
    assert!(matches!(refused, Err(Error::Limit(_))));
}

#[test]
fn a_reused_slot_shows_nothing_of_the_instance_before() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        br#"(module (memory (export "memory") 20 40) (data (i32.const 70000) "image")
            (global $g (export "g") (mut i32) (i32.const 5))
            (func (export "dirty") (param i32)
                (global.set $g (i32.const 6))
                (memory.fill (i32.const 0) (i32.const 255) (local.get 0))
                (drop (memory.grow (i32.const 3)))
                (i32.store (i32.const 1400000) (i32.const -1))))"#,
    )
    .expect("a valid module");
    let linker = Linker::new(&engine);
    // Touches few pages, which are restored by copying, and more pages than a slot keeps.
    for touched in [100, 80_000, 20 << 16] {
        for _ in 0..3 {
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &module).expect("no imports");
            let memory = instance
                .get_memory(&mut store, "memory")
                .expect("it is there");
            let bytes = memory.data(&store).expect("its own store");
            assert_eq!(bytes.len(), 20 << 16);
            assert_eq!(&bytes[70_000..70_005], b"image");
            let rest = bytes[..70_000].iter().chain(&bytes[70_005..]);
            assert!(
                rest.clone().all(|byte| *byte == 0),
                "dirt after touching {touched} bytes"
            );
            let global = instance.get_global(&mut store, "g").expect("it is there");
            assert_eq!(global.get(&store).expect("its own store").i32(), Some(5));
            let dirty = instance
                .get_typed_func::<i32, ()>(&mut store, "dirty")
                .expect("it is there");
            dirty.call(&mut store, touched).expect("it runs");
            // The growth is gone.
            assert_eq!(memory.data(&store).expect("its own store").len(), 23 << 16);
        }
    }
}

#[test]
fn memory_beyond_the_end_faults_after_a_slot_was_reused() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        br#"(module (memory 1)
            (func (export "grow") (drop (memory.grow (i32.const 4))))
            (func (export "peek") (drop (i32.load (i32.const 65536)))))"#,
    )
    .expect("a valid module");
    let linker = Linker::new(&engine);
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).expect("no imports");
        let trap = trap(call(&mut store, instance, "peek").expect_err("out of bounds"));
        assert_eq!(trap.kind, TrapKind::MemoryOutOfBounds);
        call(&mut store, instance, "grow").expect("it grows");
        call(&mut store, instance, "peek").expect("now it is within bounds");
    }
}

#[test]
fn exports_are_shared_between_instances() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let first = instantiate(
        &linker,
        &mut store,
        r#"(module (memory (export "m") 1) (global (export "g") (mut i64) (i64.const 1))
            (table (export "t") 2 funcref)
            (func (export "f") (result i32) (i32.const 42)))"#,
    );
    linker
        .instance(&mut store, "first", first)
        .expect("new names");
    let second = instantiate(
        &linker,
        &mut store,
        r#"(module (import "first" "m" (memory 1)) (import "first" "g" (global $g (mut i64)))
            (import "first" "t" (table 2 funcref)) (import "first" "f" (func $f (result i32)))
            (type $t (func (result i32)))
            (elem (i32.const 1) func $f)
            (func (export "run") (result i32)
                (global.set $g (i64.const 9))
                (i32.store8 (i32.const 3) (i32.const 7))
                (call_indirect (type $t) (i32.const 1))))"#,
    );
    let run = second
        .get_typed_func::<(), i32>(&mut store, "run")
        .expect("it is there");
    assert_eq!(run.call(&mut store, ()).expect("it runs"), 42);
    let global = first.get_global(&mut store, "g").expect("it is there");
    assert_eq!(global.get(&store).expect("its own store").i64(), Some(9));
    assert_eq!(global.ty().mutability, Mutability::Var);
    let memory = first.get_memory(&mut store, "m").expect("it is there");
    assert_eq!(memory.data(&store).expect("its own store")[3], 7);
    let table = first.get_table(&mut store, "t").expect("it is there");
    let Val::FuncRef(Some(func)) = table.get(&mut store, 1).expect("in bounds") else {
        panic!("the element is a function");
    };
    let results = func.call(&mut store, &[]).expect("it runs");
    assert_eq!(results[0].i32(), Some(42));
}

#[test]
fn a_handle_of_another_store_is_refused() {
    let engine = Engine::default();
    let wat = r#"(module (func (export "f")) (table (export "t") 1 funcref))"#;
    let (mut store, instance) = alone(&engine, wat);
    let (mut other, elsewhere) = alone(&engine, wat);
    let func = instance.get_func(&mut store, "f").expect("it is there");
    assert!(matches!(func.call(&mut other, &[]), Err(Error::Type(_))));
    let table = elsewhere.get_table(&mut other, "t").expect("it is there");
    assert!(matches!(
        table.set(&mut other, 0, Val::from(func)),
        Err(Error::Type(_))
    ));
}

#[test]
fn references_of_the_embedder_come_back_as_they_were() {
    let (mut store, instance) = alone(
        &Engine::default(),
        r#"(module (func (export "id") (param externref) (result externref) (local.get 0)))"#,
    );
    let id = instance.get_func(&mut store, "id").expect("it is there");
    for number in [0, 1, u32::MAX] {
        let given = Val::from(ExternRef::new(number));
        match id.call(&mut store, &[given]).expect("it runs")[..] {
            [Val::ExternRef(Some(back))] => assert_eq!(back.number(), number),
            ref other => panic!("got {other:?}"),
        }
    }
    let back = id
        .call(&mut store, &[Val::ExternRef(None)])
        .expect("it runs");
    assert!(matches!(back[..], [Val::ExternRef(None)]));
}

#[test]
fn imports_that_are_missing_or_wrong_are_named() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    let module = Module::new(&engine, br#"(module (import "a" "b" (func (param i32))))"#);
    let module = module.expect("a valid module");
    let error = linker
        .instantiate(&mut Store::new(&engine, ()), &module)
        .expect_err("missing");
    assert_eq!(
        error.to_string(),
        "unknown import: `a` `b` is not defined, but the module needs function [i32] -> []"
    );
    linker
        .func_wrap("a", "b", |_: Caller<'_, ()>, _: i64| ())
        .expect("a new name");
    let error = linker
        .instantiate(&mut Store::new(&engine, ()), &module)
        .expect_err("wrong");
    assert_eq!(
        error.to_string(),
        "incompatible import type: `a` `b` is function [i64] -> [], but the module needs function [i32] -> []"
    );
}

#[test]
fn functions_of_many_values_can_be_called_and_compared() {
    let types = "i64 ".repeat(30);
    let wat = format!(
        r#"(module (type $long (func (param {types}) (result {types})))
            (table 1 funcref) (elem (i32.const 0) $f)
            (func $f (export "f") (type $long) {get})
            (func (export "g") (type $long) {get} (call_indirect (type $long) (i32.const 0))))"#,
        get = (0..30)
            .map(|i| format!("(local.get {i})"))
            .collect::<String>(),
    );
    let (mut store, instance) = alone(&Engine::default(), &wat);
    let args: Vec<Val> = (0..30).map(|i| Val::I64(i * 3)).collect();
    for name in ["f", "g"] {
        let func = instance.get_func(&mut store, name).expect("it is there");
        let back = func.call(&mut store, &args).expect("it runs");
        let numbers: Vec<_> = back.iter().filter_map(|value| value.i64()).collect();
        assert_eq!(numbers, (0..30).map(|i| i * 3).collect::<Vec<_>>());
    }
}

#[test]
fn stores_can_move_between_threads_and_run_at_once() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        br#"(module (memory 1) (func $fib (export "fib") (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
                (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                               (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#,
    )
    .expect("a valid module");
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let mut store = Store::new(&engine, ());
            let instance = Linker::new(&engine)
                .instantiate(&mut store, &module)
                .expect("no imports");
            std::thread::spawn(move || {
                let fib = instance
                    .get_typed_func::<i32, i32>(&mut store, "fib")
                    .expect("it is there");
                fib.call(&mut store, 20).expect("it runs")
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().expect("it does not panic"), 6765);
    }
}
