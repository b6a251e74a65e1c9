//! Modules, artefacts and calls cannot harm the process that runs them.

use std::path::Path;
use std::time::{Duration, Instant};

use keel::command::{self, Allowance};
use keel::wasi::{Access, WasiCtx};
use keel::{
    Caller, Config, Engine, Error, Fuel, Func, Instance, Limits, Linker, Module, Resource, Store,
    TrapKind, Val,
};

fn module(engine: &Engine, wat: &str) -> Module {
    Module::new(engine, wat.as_bytes()).expect("a module")
}

fn instance(store: &mut Store<()>, module: &Module) -> keel::Result<Instance> {
    Linker::new(module.engine()).instantiate(store, module)
}

fn call(store: &mut Store<()>, instance: Instance, name: &str) -> keel::Result<Vec<Val>> {
    instance.get_func(&mut *store, name)?.call(store, &[])
}

fn kind(result: keel::Result<Vec<Val>>) -> Option<TrapKind> {
    result.err()?.as_trap().map(|trap| trap.kind)
}

/// The trap that the module ends with on this much fuel, and the remaining fuel.
fn on_fuel(wat: &str, fuel: u64) -> (Option<TrapKind>, u64) {
    let engine = Engine::new(Config::new().fuel(Fuel::Metered));
    let mut store = Store::new(&engine, ());
    store.set_fuel(fuel);
    let instance = instance(&mut store, &module(&engine, wat)).expect("an instance");
    let ended = kind(call(&mut store, instance, "_start"));
    (ended, store.fuel())
}

#[test]
fn bounds_are_checked_before_fuel_is_charged() {
    for (body, expected) in [
        (
            "(memory.fill (i32.const 0) (i32.const 1) (i32.const -1))",
            TrapKind::MemoryOutOfBounds,
        ),
        (
            "(memory.copy (i32.const 0) (i32.const 1) (i32.const -1))",
            TrapKind::MemoryOutOfBounds,
        ),
        (
            "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const -1))",
            TrapKind::MemoryOutOfBounds,
        ),
        (
            "(table.fill (i32.const 0) (ref.null func) (i32.const -1))",
            TrapKind::TableOutOfBounds,
        ),
        (
            "(table.copy (i32.const 0) (i32.const 0) (i32.const -1))",
            TrapKind::TableOutOfBounds,
        ),
        (
            "(table.init 0 (i32.const 0) (i32.const 0) (i32.const -1))",
            TrapKind::TableOutOfBounds,
        ),
    ] {
        let wat = format!(
            r#"(module (memory 1) (table 1 funcref) (data "x") (elem func)
                (func (export "_start") {body}))"#
        );
        let (ended, left) = on_fuel(&wat, 1000);
        assert_eq!(ended, Some(expected), "{body}");
        assert!(left > 900, "{body}: {left}");
    }
}

#[test]
fn growing_a_table_costs_fuel_and_counts_as_memory() {
    let grow = "(drop (table.grow (ref.null func) (i32.const 10000000)))";
    let wat = format!(r#"(module (table 0 funcref) (func (export "_start") {grow}))"#);
    assert_eq!(on_fuel(&wat, 1000).0, Some(TrapKind::OutOfFuel));
    let (ended, left) = on_fuel(&wat, 2_000_000);
    assert!(ended.is_none() && left < 800_000, "{ended:?} {left}");

    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits {
        total_bytes: 1 << 20,
        ..Limits::default()
    });
    let wat = r#"(module (table 0 funcref) (func (export "grow") (result i32)
        (table.grow (ref.null func) (i32.const 10000000))))"#;
    let instance = instance(&mut store, &module(&engine, wat)).expect("an instance");
    let grown = call(&mut store, instance, "grow").expect("it runs");
    assert_eq!(grown[0].i32(), Some(-1));
}

#[test]
fn a_straight_line_is_stopped() {
    let adds = "(i32.const 1) (i32.add)".repeat(25_000);
    let wat = format!(r#"(module (func (export "_start") (i32.const 0) {adds} (drop)))"#);
    assert_eq!(on_fuel(&wat, 49_999).0, Some(TrapKind::OutOfFuel));
    assert_eq!(on_fuel(&wat, 50_001).0, Some(TrapKind::OutOfFuel));
    assert_eq!(on_fuel(&wat, 50_002), (None, 0));
    // Stopped partway, not only at its end.
    let (ended, left) = on_fuel(&wat, 10);
    assert_eq!((ended, left), (Some(TrapKind::OutOfFuel), 0));
}

#[test]
fn a_module_and_a_store_must_agree_on_fuel() {
    let (plain, metered) = (
        Engine::default(),
        Engine::new(Config::new().fuel(Fuel::Metered)),
    );
    let wat = r#"(module (func (export "run")))"#;
    for (with, of) in [(&plain, &metered), (&metered, &plain)] {
        let mut store = Store::new(of, ());
        let refused = Linker::new(of).instantiate(&mut store, &module(with, wat));
        assert!(matches!(refused, Err(Error::Type(_))), "{refused:?}");
    }
}

#[test]
fn tables_that_are_mostly_holes_do_not_make_an_artefact_large() {
    let engine = Engine::default();
    let one = r#"(module (table 1048576 funcref) (func (export "_start")))"#;
    let hundred = format!("(module {})", "(table 1048576 funcref)".repeat(100));
    for wat in [one, &hundred] {
        let size = module(&engine, wat)
            .serialize()
            .expect("it was just made")
            .len();
        assert!(size < 100_000, "{size} bytes");
    }
}

#[test]
fn memories_and_tables_are_counted_for_store_and_engine() {
    let engine = Engine::new(Config::new().total_bytes(20 << 16));
    let two_pages = module(
        &engine,
        r#"(module (memory 2) (memory 1)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#,
    );
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits {
        total_bytes: 8 << 16,
        ..Limits::default()
    });
    let first = instance(&mut store, &two_pages).expect("three pages");
    assert_eq!(store.used_bytes(), 3 << 16);
    let grow = first
        .get_typed_func::<i32, i32>(&mut store, "grow")
        .expect("it is there");
    assert_eq!(grow.call(&mut store, 6).expect("it runs"), -1);
    assert_eq!(grow.call(&mut store, 2).expect("it runs"), 2);
    instance(&mut store, &two_pages).expect("eight pages");
    let refused = instance(&mut store, &two_pages);
    assert!(matches!(refused, Err(Error::Limit(_))), "{refused:?}");
    // The engine's limit covers all stores, and dropped memories no longer count.
    let mut other = Store::new(&engine, ());
    for _ in 0..4 {
        instance(&mut other, &two_pages).expect("three pages of twelve");
    }
    assert!(matches!(
        instance(&mut other, &two_pages),
        Err(Error::Limit(_))
    ));
    drop(store);
    instance(&mut other, &two_pages).expect("there is room again");
}

#[test]
fn an_embedder_decides_about_growth() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let (tell, hear) = std::sync::mpsc::channel();
    store.set_limiter(move |growth| {
        tell.send((growth.resource, growth.from, growth.to))
            .expect("heard");
        growth.to <= 2 << 16
    });
    let wat = r#"(module (memory 1)
        (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#;
    let instance = instance(&mut store, &module(&engine, wat)).expect("an instance");
    for expected in [1, -1] {
        let grown = call(&mut store, instance, "grow").expect("it runs");
        assert_eq!(grown[0].i32(), Some(expected));
    }
    let asked: Vec<_> = hear.try_iter().collect();
    let page = 1 << 16;
    let memory = Resource::Memory;
    assert_eq!(
        asked,
        [
            (memory, 0, page),
            (memory, page, 2 * page),
            (memory, 2 * page, 3 * page)
        ]
    );
}

#[test]
fn slots_are_evicted_and_not_kept_without_end() {
    let engine = Engine::new(Config::new().pooled_slots(3));
    let modules: Vec<Module> = (0..40)
        .map(|i| {
            module(
                &engine,
                &format!(r#"(module (memory 1) (func (export "f{i}")))"#),
            )
        })
        .collect();
    let before = address_space();
    for _ in 0..3 {
        for module in &modules {
            instance(&mut Store::new(&engine, ()), module).expect("an instance");
        }
    }
    // Three slots of modules, three blank ones, and the allocator's share.
    let kept = address_space().saturating_sub(before) >> 30;
    assert!(kept < 30, "{kept} GiB of address space");
}

/// The address space of the process in bytes.
fn address_space() -> u64 {
    let found = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = found
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a number");
    pages * 4096
}

#[test]
fn recursion_through_the_host_ends_on_any_stack() {
    for kilobytes in [192, 256, 512, 1024, 4096] {
        let thread = std::thread::Builder::new().stack_size(kilobytes << 10);
        let ended = thread.spawn(|| {
            let engine = Engine::default();
            let mut linker = Linker::<()>::new(&engine);
            let again = |mut caller: Caller<'_, ()>| {
                let run = caller
                    .instance()
                    .get_typed_func::<(), ()>(&mut caller, "run")?;
                run.call(&mut caller, ())
            };
            linker
                .func_wrap("host", "again", again)
                .expect("a function");
            let wat = r#"(module (import "host" "again" (func $again))
                (func (export "run") (local v128 v128 v128) (call $again)
                    (drop (v128.and (local.get 0) (local.get 1)))))"#;
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &module(&engine, wat));
            kind(call(&mut store, instance.expect("an instance"), "run"))
        });
        let ended = ended.expect("a thread").join().expect("it ends");
        assert_eq!(ended, Some(TrapKind::StackOverflow), "{kilobytes} KiB");
    }
}

#[test]
fn a_file_that_changes_after_it_was_loaded_changes_nothing() {
    let engine = Engine::default();
    let bodies: String = (0..9000)
        .map(|i| {
            format!(
                "(func (export \"f{i}\") (result i32) (i32.div_u (i32.const {i}) (i32.const 1)))"
            )
        })
        .collect();
    let wasm = wat::parse_str(format!("(module {bodies})")).expect("text");
    let artefact = engine.compile(&wasm).expect("it compiles");
    assert!(
        artefact.len() > 256 << 10,
        "large enough to be read in pieces: {}",
        artefact.len()
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    for damage in [Damage::Cut, Damage::Overwritten] {
        std::fs::write(file.path(), &artefact).expect("writing it");
        // SAFETY: this test made the artefact. Changing its file meanwhile is what it tests.
        let module =
            unsafe { Module::deserialize_file(&engine, file.path()) }.expect("it is whole");
        let mut store = Store::new(&engine, ());
        let instance = instance(&mut store, &module).expect("an instance");
        let early = call(&mut store, instance, "f5").expect("it is whole");
        assert_eq!(early[0].i32(), Some(5));
        damage.apply(file.path(), artefact.len());
        let again = call(&mut store, instance, "f5").expect("what was loaded stays");
        assert_eq!(again[0].i32(), Some(5));
        // Far from the first functions and from the thunks, which are last.
        let late = kind(call(&mut store, instance, "f4500"));
        assert_eq!(late, Some(TrapKind::DamagedCode));
    }
}

/// A change to a file.
enum Damage {
    Cut,
    Overwritten,
}

impl Damage {
    fn apply(self, path: &Path, length: usize) {
        let file = std::fs::File::options()
            .write(true)
            .open(path)
            .expect("opening it");
        match self {
            Damage::Cut => file.set_len(4096).expect("cutting it off"),
            Damage::Overwritten => {
                use std::os::unix::fs::FileExt as _;
                file.write_all_at(&vec![0xcc; length], 0)
                    .expect("writing over it");
            }
        }
    }
}

/// A program that opens `mem` in the first granted directory and exits with the error code.
const OPENS_MEM: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (data (i32.const 8) "mem")
    (func (export "_start") (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 8)
        (i32.const 3) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)))))"#;

#[test]
fn a_grant_that_covers_proc_does_not_reach_into_memory() {
    const ACCES: i32 = 2;
    let engine = Engine::default();
    let grant = WasiCtx::builder().directory("/proc/self", "proc", Access::ReadWrite);
    let context = grant.build().expect("a context");
    let code = command::run(&module(&engine, OPENS_MEM), context, Allowance::default());
    assert_eq!(code.expect("it exits"), ACCES);
}

#[test]
fn what_takes_long_in_the_host_stands_under_the_timeout() {
    let engine = Engine::default();
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 65536)
        (func (export "_start") (drop (call $random (i32.const 0) (i32.const -1)))))"#;
    let allowance = Allowance {
        timeout: Some(Duration::from_millis(50)),
        ..Allowance::default()
    };
    let begun = Instant::now();
    let context = WasiCtx::builder().build().expect("a context");
    let ended = command::run(&module(&engine, wat), context, allowance);
    let ended = ended
        .err()
        .and_then(|error| error.as_trap().map(|trap| trap.kind));
    assert_eq!(ended, Some(TrapKind::Interrupted));
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn values_that_branch_tables_hand_on_cost_once_for_a_target() {
    let (entries, values) = (20_000, 300);
    let results = "i32 ".repeat(values);
    let constants = "(i32.const 1) ".repeat(values);
    let drops = "drop ".repeat(values);
    let wat = format!(
        "(module (type $t (func (result {results}))) (func (export \"run\") (param i32) \
         (block $b (type $t) {constants} (local.get 0) (br_table {targets} $b)) {drops}))",
        targets = "$b ".repeat(entries),
    );
    let begun = Instant::now();
    let engine = Engine::default();
    let size = module(&engine, &wat)
        .serialize()
        .expect("it was just made")
        .len();
    assert!(size < 1 << 20, "{size} bytes");
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_host_function_is_a_value_without_a_module() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let double = Func::wrap(&mut store, |_: Caller<'_, ()>, n: i32| n * 2).expect("a function");
    let wat = r#"(module (type $t (func (param i32) (result i32)))
        (import "" "table" (table 1 funcref))
        (func (export "run") (param i32) (result i32)
            (call_indirect (type $t) (local.get 0) (i32.const 0))))"#;
    let ty = keel::TableType::new(keel::ValType::FUNCREF, 1, None);
    let table = keel::Table::create(&mut store, ty, Val::FuncRef(Some(double))).expect("a table");
    let mut linker = Linker::new(&engine);
    linker.define("", "table", table).expect("a name");
    let instance = linker
        .instantiate(&mut store, &module(&engine, wat))
        .expect("an instance");
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .expect("it is there");
    assert_eq!(run.call(&mut store, 21).expect("it runs"), 42);
    linker
        .func_wrap("host", "half", |_: Caller<'_, ()>, n: i32| n / 2)
        .expect("a name");
    linker
        .alias(("host", "half"), ("host", "other"))
        .expect("a second name");
    let half = linker.get(&mut store, "host", "other").expect("a function");
    let Some(keel::Extern::Func(half)) = half else {
        panic!("no function: {half:?}");
    };
    let half = half.typed::<i32, i32>(&mut store).expect("its type");
    assert_eq!(half.call(&mut store, 42).expect("it runs"), 21);
}

#[test]
fn a_module_tells_its_name_and_its_custom_sections() {
    let engine = Engine::default();
    let wat = r#"(module $mine (@custom "notes" "hello") (func (export "run")))"#;
    let wasm = wat::parse_str(wat).expect("text");
    Module::validate(&engine, &wasm).expect("it is valid");
    assert!(Module::validate(&engine, &wasm[..wasm.len() - 1]).is_err());
    let sections = Module::custom_sections(&wasm).expect("a module");
    assert!(sections.contains(&("notes", b"hello".as_slice())));
    let module = Module::from_binary(&engine, &wasm).expect("a module");
    assert_eq!(module.name(), Some("mine"));
}
