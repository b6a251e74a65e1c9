//! A guest cannot exceed its limits: each attempt ends with a specific error, and the process can
//! run the next module.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use keel::{
    Caller, CompileInterrupt, Config, Engine, Error, Fuel, Instance, Limits, Linker, Module, Store,
    TrapKind, Val,
};

fn instance(engine: &Engine, store: &mut Store<()>, wat: &str) -> Result<Instance, Error> {
    let module = Module::new(engine, wat.as_bytes())?;
    Linker::new(engine).instantiate(store, &module)
}

fn run(engine: &Engine, wat: &str, name: &str, arguments: &[Val]) -> Result<Vec<Val>, Error> {
    let mut store = Store::new(engine, ());
    store.set_fuel(1_000_000);
    store
        .set_timeout(Some(Duration::from_secs(20)))
        .expect("a thread");
    let instance = instance(engine, &mut store, wat)?;
    instance
        .get_func(&mut store, name)?
        .call(&mut store, arguments)
}

fn kind(result: Result<Vec<Val>, Error>) -> Option<TrapKind> {
    result.err()?.as_trap().map(|trap| trap.kind)
}

/// Checks that the process still works: another module runs, with memory, tables and calls.
fn goes_on(engine: &Engine) {
    let results = run(
        engine,
        r#"(module (memory 1) (table 1 funcref) (elem (i32.const 0) $f) (type $t (func (result i32)))
            (func $f (result i32) (i32.store (i32.const 65532) (i32.const 41)) (i32.load (i32.const 65532)))
            (func (export "run") (result i32) (i32.add (i32.const 1) (call_indirect (type $t) (i32.const 0)))))"#,
        "run",
        &[],
    );
    assert_eq!(results.expect("it runs")[0].i32(), Some(42));
}

#[test]
fn every_kind_of_endless_recursion_exhausts_the_stack() {
    let engine = Engine::default();
    let many = "(local v128 v128 v128 v128 v128 v128 v128 v128)";
    let recursions = [
        "(func $f (export \"run\") (call $f))".to_owned(),
        "(func $f (export \"run\") (call $g)) (func $g (call $f))".to_owned(),
        "(type $t (func)) (table 1 funcref) (elem (i32.const 0) $f)
         (func $f (export \"run\") (call_indirect (type $t) (i32.const 0)))"
            .to_owned(),
        format!(
            "(func $f (export \"run\") {many} (local.set 0 (v128.not (local.get 1))) (call $f)
             (local.set 2 (v128.not (local.get 0))))"
        ),
        // A frame with many arguments on the stack.
        format!(
            "(func $f (param {types}) (call $f {gets})) (func (export \"run\") (call $f {zeros}))",
            types = "i64 ".repeat(200),
            gets = (0..200)
                .map(|i| format!("(local.get {i})"))
                .collect::<String>(),
            zeros = "(i64.const 0)".repeat(200),
        ),
        "(start $f) (func $f (call $f)) (func (export \"run\"))".to_owned(),
    ];
    for body in recursions {
        let trap = kind(run(&engine, &format!("(module {body})"), "run", &[]));
        assert_eq!(trap, Some(TrapKind::StackOverflow), "{body}");
        goes_on(&engine);
    }
}

#[test]
fn a_frame_larger_than_all_stack_is_refused_before_it_is_used() {
    // A frame of 32 KB: 2,000 vectors, loaded from memory, that all live across a call.
    let sets: String = (0..2000)
        .map(|i| {
            format!(
                "(local.set {i} (v128.load offset={} (i32.const 0)))",
                i * 16
            )
        })
        .collect();
    let uses: String = (1..2000)
        .map(|i| format!("(local.set 0 (i32x4.add (local.get 0) (local.get {i})))"))
        .collect();
    let locals = "v128 ".repeat(2000);
    let wat = format!(
        "(module (memory 1) (table 1 funcref) (elem (i32.const 0) $wipe) (type $t (func))
            (func $wipe (memory.fill (i32.const 0) (i32.const 255) (i32.const 65536)))
            (func (export \"run\") (result i32) (local {locals}) {sets}
                (call_indirect (type $t) (i32.const 0)) {uses}
                (i32x4.extract_lane 0 (local.get 0))))"
    );
    let narrow = Engine::new(Config::new().stack_bytes(16 << 10));
    assert_eq!(
        kind(run(&narrow, &wat, "run", &[])),
        Some(TrapKind::StackOverflow)
    );
    goes_on(&narrow);
    let results = run(&Engine::default(), &wat, "run", &[]);
    assert_eq!(results.expect("there it fits")[0].i32(), Some(0));
}

#[test]
fn every_kind_of_endless_loop_is_stopped_by_fuel_and_by_time() {
    let loops = [
        r#"(module (func (export "run") (loop $l (br $l))))"#,
        r#"(module (func (export "run") (loop $l (br_if $l (i32.const 1)))))"#,
        r#"(module (func (export "run") (loop $l (br_table $l $l (i32.const 7)))))"#,
        r#"(module (func (export "run") (loop $a (loop $b (br $a)))))"#,
        r#"(module (func $f (export "run") (return_call $f)))"#,
        r#"(module (func $f (export "run") (return_call $g)) (func $g (return_call $f)))"#,
        r#"(module (type $t (func)) (table 1 funcref) (elem (i32.const 0) $f)
            (func $f (export "run") (return_call_indirect (type $t) (i32.const 0))))"#,
        r#"(module (memory 256) (func (export "run")
            (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x1000000)) (br $l))))"#,
        r#"(module (func (export "run") (loop $l (br $l))) (func $s (loop $l (br $l))) (start $s))"#,
    ];
    let metered = Engine::new(Config::new().fuel(Fuel::Metered));
    let plain = Engine::default();
    for wat in loops {
        let mut store = Store::new(&metered, ());
        store.set_fuel(1_000_000);
        let stopped = instance(&metered, &mut store, wat)
            .and_then(|instance| instance.get_func(&mut store, "run")?.call(&mut store, &[]));
        assert_eq!(kind(stopped), Some(TrapKind::OutOfFuel), "{wat}");
        goes_on(&metered);
        let mut store = Store::new(&plain, ());
        store
            .set_timeout(Some(Duration::from_millis(15)))
            .expect("a thread");
        let stopped = instance(&plain, &mut store, wat)
            .and_then(|instance| instance.get_func(&mut store, "run")?.call(&mut store, &[]));
        assert_eq!(kind(stopped), Some(TrapKind::Interrupted), "{wat}");
        goes_on(&plain);
    }
}

#[test]
fn what_works_on_a_range_costs_fuel_by_its_length() {
    let engine = Engine::new(Config::new().fuel(Fuel::Metered));
    let filled = "(i32.load8_u (i32.const 0))";
    // 64 KiB, at one unit per 64 bytes, and 8,192 elements of 8 bytes each.
    for (operation, done) in [
        (
            "(memory.fill (i32.const 0) (i32.const 7) (i32.const 0x10000))",
            filled,
        ),
        (
            "(memory.copy (i32.const 0) (i32.const 0x10000) (i32.const 0x10000))",
            filled,
        ),
        (
            "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 0x10000))",
            filled,
        ),
        (
            "(table.fill (i32.const 0) (ref.func $f) (i32.const 8192))",
            "(call $set)",
        ),
        (
            "(table.copy (i32.const 0) (i32.const 8192) (i32.const 8192))",
            "(call $set)",
        ),
    ] {
        let wat = format!(
            r#"(module (memory 2) (data (i32.const 0x10000) "\07") (data $d "{data}")
                (table 16384 funcref) (elem (i32.const 8192) $f) (func $f) (elem declare func $f)
                (func $set (result i32) (i32.eqz (ref.is_null (table.get (i32.const 0)))))
                (func (export "run") {operation}) (func (export "done") (result i32) {done}))"#,
            data = "\\07".repeat(0x10000),
        );
        let mut store = Store::new(&engine, ());
        store.set_fuel(100_000);
        let instance = instance(&engine, &mut store, &wat).expect("an instance");
        let mut call = |fuel: u64, name: &str| {
            store.set_fuel(fuel);
            let func = instance.get_func(&mut store, name).expect("it is there");
            let result = func.call(&mut store, &[]);
            (result, fuel - store.fuel())
        };
        assert_eq!(
            kind(call(1000, "run").0),
            Some(TrapKind::OutOfFuel),
            "{operation}"
        );
        let untouched = call(100, "done").0.expect("it runs");
        assert_eq!(untouched[0].i32(), Some(0), "{operation}");
        let (ran, cost) = call(2000, "run");
        assert!(
            ran.is_ok() && (1024..1040).contains(&cost),
            "{operation}: {cost}"
        );
        let done = call(100, "done").0.expect("it runs");
        assert_ne!(done[0].i32(), Some(0), "{operation}");
    }
}

#[test]
fn a_deadline_holds_when_a_guest_spends_its_time_in_the_host() {
    let engine = Engine::default();
    let wat = r#"(module (import "host" "rest" (func $rest))
        (func (export "run") (loop $l (call $rest) (br $l))))"#;
    let module = Module::new(&engine, wat.as_bytes()).expect("a module");
    let rests = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&rests);
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("host", "rest", move |_: Caller<'_, ()>| {
            count.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
        })
        .expect("a function");
    let mut store = Store::new(&engine, ());
    store
        .set_timeout(Some(Duration::from_millis(30)))
        .expect("a thread");
    let stopped = linker
        .instantiate(&mut store, &module)
        .and_then(|instance| instance.get_func(&mut store, "run")?.call(&mut store, &[]));
    assert_eq!(kind(stopped), Some(TrapKind::Interrupted));
    // The second host call ends after the deadline; one more is allowed for a late timer.
    assert!(rests.load(Ordering::Relaxed) <= 3, "{rests:?}");
    goes_on(&engine);
}

#[test]
fn a_storm_of_timer_signals_changes_nothing() {
    // More signals are pending at any time than an alternative stack has room for.
    let (tell, hear) = std::sync::mpsc::channel();
    let guest = std::thread::spawn(move || {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let instance = instance(
            &engine,
            &mut store,
            r#"(module (memory 16) (func (export "run") (param $n i32) (result i32)
                (loop $l
                    (memory.fill (i32.const 0) (local.get $n) (i32.const 0x10000))
                    (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (i32.load8_u (i32.const 9))))"#,
        )
        .expect("an instance");
        // The handler is only installed here.
        store
            .set_timeout(Some(Duration::from_secs(60)))
            .expect("a thread");
        let run = instance.get_func(&mut store, "run").expect("it is there");
        run.call(&mut store, &[Val::I32(1)]).expect("it runs");
        // SAFETY: `pthread_self` has no preconditions.
        tell.send(unsafe { libc::pthread_self() }).expect("heard");
        run.call(&mut store, &[Val::I32(20_000)])
    });
    let thread = hear.recv().expect("the guest starts");
    for _ in 0..200 {
        for _ in 0..64 {
            // SAFETY: the thread is not joined before the loop ends, so its id is valid.
            unsafe { libc::pthread_kill(thread, libc::SIGRTMIN() + 6) };
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    let results = guest.join().expect("it does not panic");
    assert_eq!(results.expect("it runs")[0].i32(), Some(1));
}

#[test]
fn memory_does_not_grow_past_its_limits() {
    let engine = Engine::default();
    let wat = |ty: &str| {
        format!(
            r#"(module (memory {ty})
                (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
                (func (export "size") (result i32) (memory.size)))"#
        )
    };
    // The memory's type in pages, the store's limit, the growth, and the expected result.
    for (ty, limit_pages, by, expected) in [
        ("1 3", 100, 2, 1),
        ("1 3", 100, 3, -1),
        ("1 3", 100, -1, -1),
        ("1", 4, 3, 1),
        ("1", 4, 4, -1),
        ("1", 4, i32::MAX, -1),
        ("1", 65536, 65536, -1),
        ("0", 65536, -1, -1),
        ("0 0", 65536, 1, -1),
    ] {
        let mut store = Store::new(&engine, ());
        store.set_limits(Limits {
            memory_bytes: limit_pages << 16,
            table_elements: 0,
            ..Limits::default()
        });
        let instance = instance(&engine, &mut store, &wat(ty)).expect("within the limits");
        let mut call = |name: &str, arguments: &[Val]| {
            let func = instance.get_func(&mut store, name).expect("it is there");
            func.call(&mut store, arguments).expect("it runs")[0].i32()
        };
        let before = call("size", &[]);
        assert_eq!(
            call("grow", &[Val::I32(by)]),
            Some(expected),
            "{ty} by {by}"
        );
        if expected == -1 {
            assert_eq!(call("size", &[]), before, "{ty} by {by}");
        }
    }
    goes_on(&engine);
}

#[test]
fn tables_do_not_grow_past_their_limits() {
    let engine = Engine::default();
    for (ty, limit, by, expected) in [
        ("1 3", 100, 2, 1),
        ("1 3", 100, 3, -1),
        ("1", 4, 3, 1),
        ("1", 4, 4, -1),
        ("1", u32::MAX, -1, -1),
    ] {
        let mut store = Store::new(&engine, ());
        store.set_limits(Limits {
            memory_bytes: 0,
            table_elements: limit,
            ..Limits::default()
        });
        let wat = format!(
            r#"(module (table {ty} funcref) (func (export "grow") (param i32) (result i32)
                (table.grow (ref.null func) (local.get 0))))"#
        );
        let instance = instance(&engine, &mut store, &wat).expect("within the limits");
        let grow = instance.get_func(&mut store, "grow").expect("it is there");
        let grown = grow.call(&mut store, &[Val::I32(by)]).expect("it runs");
        assert_eq!(grown[0].i32(), Some(expected), "{ty} by {by}");
    }
    goes_on(&engine);
}

#[test]
fn what_starts_beyond_a_limit_is_refused() {
    let engine = Engine::default();
    for wat in [
        "(module (memory 5))",
        "(module (memory 1) (memory 5))",
        "(module (table 11 funcref))",
        "(module (table 1 funcref) (table 11 externref))",
    ] {
        let mut store = Store::new(&engine, ());
        store.set_limits(Limits {
            memory_bytes: 4 << 16,
            table_elements: 10,
            ..Limits::default()
        });
        let refused = instance(&engine, &mut store, wat);
        assert!(
            matches!(refused, Err(Error::Limit(_))),
            "{wat}: {:?}",
            refused.err()
        );
        goes_on(&engine);
    }
}

#[test]
fn no_address_reaches_out_of_a_memory() {
    let engine = Engine::default();
    let accesses = [
        ("i32.load8_u", 1, "i32"),
        ("i32.load", 4, "i32"),
        ("i64.load", 8, "i64"),
        ("f64.load", 8, "f64"),
        ("v128.load", 16, "v128"),
        ("v128.load8x8_s", 8, "v128"),
        ("v128.load64_zero", 8, "v128"),
    ];
    let offsets: [u64; 7] = [
        0,
        1,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
    ];
    let addresses: [u32; 7] = [0, 1, 65_520, 65_535, 65_536, 0x8000_0000, 0xffff_ffff];
    for (access, width, result) in accesses {
        let functions: String = offsets
            .iter()
            .map(|offset| {
                format!(
                    r#"(func (export "{offset}") (param i32) (result {result})
                        ({access} offset={offset} (local.get 0)))"#
                )
            })
            .collect();
        let wat = format!("(module (memory 1) {functions})");
        let mut store = Store::new(&engine, ());
        let instance = instance(&engine, &mut store, &wat).expect("it is valid");
        for offset in offsets {
            let func = instance.get_func(&mut store, &offset.to_string());
            let func = func.expect("it is there");
            for address in addresses {
                let result = func.call(&mut store, &[Val::I32(address as i32)]);
                if offset + u64::from(address) + width <= 1 << 16 {
                    result.expect("within bounds");
                } else {
                    let trap = kind(result);
                    assert_eq!(
                        trap,
                        Some(TrapKind::MemoryOutOfBounds),
                        "{access} {offset:#x} + {address:#x}"
                    );
                }
            }
        }
    }
    goes_on(&engine);
}

#[test]
fn a_store_across_the_end_writes_nothing() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "i64") (i64.store (i32.const 65532) (i64.const -1)))
        (func (export "v128") (v128.store (i32.const 65528) (v128.const i64x2 -1 -1)))
        (func (export "far") (i64.store offset=0xffffffff (i32.const -1) (i64.const -1)))
        (func (export "fill") (memory.fill (i32.const 65000) (i32.const 1) (i32.const 600)))
        (func (export "copy") (memory.copy (i32.const 65000) (i32.const 0) (i32.const -1))))"#;
    let instance = instance(&engine, &mut store, wat).expect("it is valid");
    for name in ["i64", "v128", "far", "fill", "copy"] {
        let func = instance.get_func(&mut store, name).expect("it is there");
        let trap = kind(func.call(&mut store, &[]));
        assert_eq!(trap, Some(TrapKind::MemoryOutOfBounds), "{name}");
        let memory = instance
            .get_memory(&mut store, "memory")
            .expect("it is there");
        let bytes = memory.data(&store).expect("its own store");
        assert!(bytes.iter().all(|byte| *byte == 0), "{name}");
    }
    goes_on(&engine);
}

#[test]
fn no_index_reaches_out_of_a_table() {
    let engine = Engine::default();
    let wat = r#"(module (table $t 3 funcref) (type $f (func)) (func $nothing)
        (func (export "call") (param i32) (call_indirect $t (type $f) (local.get 0)))
        (func (export "tail") (param i32) (return_call_indirect $t (type $f) (local.get 0)))
        (func (export "get") (param i32) (drop (table.get $t (local.get 0))))
        (func (export "set") (param i32) (table.set $t (local.get 0) (ref.null func)))
        (func (export "fill") (param i32)
            (table.fill $t (local.get 0) (ref.null func) (i32.const 1))))"#;
    for name in ["call", "tail", "get", "set", "fill"] {
        for index in [3, 4, 0x1000_0000, 0x2000_0000, i32::MAX, i32::MIN, -1] {
            let trap = kind(run(&engine, wat, name, &[Val::I32(index)]));
            assert_eq!(trap, Some(TrapKind::TableOutOfBounds), "{name} {index:#x}");
        }
    }
    let null = kind(run(&engine, wat, "call", &[Val::I32(0)]));
    assert_eq!(null, Some(TrapKind::UndefinedElement));
    goes_on(&engine);
}

#[test]
fn a_compilation_stops_when_it_is_interrupted() {
    // Many functions that take seconds to compile.
    let body = "(i32.const 1) (i32.add)".repeat(200);
    let functions = format!("(func (param i32) (result i32) (local.get 0) {body})").repeat(20_000);
    let wasm = wat::parse_str(format!("(module {functions})")).expect("the text is right");
    let engine = Engine::default();
    let interrupt = CompileInterrupt::new();
    let handle = interrupt.clone();
    let compiling = std::thread::spawn(move || Module::new_interruptible(&engine, &wasm, &handle));
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    interrupt.interrupt();
    let ended = compiling.join().expect("no panic");
    assert!(matches!(ended, Err(Error::Interrupted)));
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}
