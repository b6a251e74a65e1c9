//! Structures and arrays: reachability, the heap limit, and correctness when the heap is collected
//! before every allocation.

use keel::wasi::{Capture, Stdout, WasiCtx};
use keel::{
    AnyRef, Config, Engine, Error, ExternRef, Fuel, HeapType, Instance, Limits, Linker, Module,
    RefType, Store, TrapKind, Val, ValType,
};
use proptest::prelude::*;

const BINARY_TREES: &str = include_str!("../../../workloads/binary-trees/main.wat");
const DOCUMENT_TREE: &str = include_str!("../../../workloads/document-tree/main.wat");

/// The result and output of a program with these arguments and a heap limit in bytes.
fn run(
    engine: &Engine,
    wat: &str,
    arguments: &[i32],
    heap_bytes: u64,
) -> (Result<(), Error>, String) {
    let module = Module::new(engine, wat.as_bytes()).expect("a module");
    let mut linker = Linker::new(engine);
    keel::wasi::add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).expect("a linker");
    let output = Capture::new(1 << 20);
    let ctx = WasiCtx::builder().stdout(Stdout::Capture(output.clone()));
    let mut store = Store::new(engine, ctx.build().expect("a context"));
    store.set_limits(Limits {
        heap_bytes,
        ..Limits::default()
    });
    let instance = linker
        .instantiate(&mut store, &module)
        .expect("an instance");
    let run = instance.get_func(&mut store, "run").expect("an export");
    let arguments: Vec<Val> = arguments.iter().map(|value| Val::I32(*value)).collect();
    let outcome = run.call(&mut store, &arguments).map(drop);
    let text = String::from_utf8(output.take()).expect("text");
    (outcome, text)
}

fn engines() -> [Engine; 2] {
    [false, true].map(|always| Engine::new(Config::new().collect_always(always)))
}

#[test]
fn programs_print_the_same_where_the_heap_is_always_collected() {
    let [normal, always] = engines();
    for (wat, arguments) in [(BINARY_TREES, &[6][..]), (DOCUMENT_TREE, &[3, 3, 20][..])] {
        let (outcome, text) = run(&normal, wat, arguments, 1 << 30);
        outcome.expect("no trap");
        assert!(text.lines().count() > 2, "{text}");
        let (outcome, always) = run(&always, wat, arguments, 1 << 30);
        outcome.expect("no trap");
        assert_eq!(always, text);
    }
}

#[test]
fn a_heap_counts_in_the_total_of_its_store() {
    let engine = Engine::default();
    let module = Module::new(&engine, ROOTS.as_bytes()).expect("a module");
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits {
        total_bytes: 4 << 10,
        ..Limits::default()
    });
    let error = Linker::new(&engine).instantiate(&mut store, &module);
    let error = error.expect_err("its first object takes a block");
    let kind = error.as_trap().map(|trap| trap.kind);
    assert_eq!(kind, Some(TrapKind::HeapExhausted), "{error}");
}

#[test]
fn what_is_done_to_objects_costs_fuel() {
    let engine = Engine::new(Config::new().fuel(Fuel::Metered));
    let wat = r#"(module
        (type $bytes (array (mut i8)))
        (func (export "fill") (param i32)
            (array.fill $bytes (array.new_default $bytes (i32.const 64000))
                (i32.const 0) (i32.const 1) (local.get 0))))"#;
    let module = Module::new(&engine, wat.as_bytes()).expect("a module");
    let mut store = Store::new(&engine, ());
    store.set_fuel(1 << 20);
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    let instance = instance.expect("an instance");
    let fill = instance
        .get_typed_func::<i32, ()>(&mut store, "fill")
        .expect("an export");
    let mut cost = |length| {
        let before = store.fuel();
        fill.call(&mut store, length).expect("enough fuel");
        before - store.fuel()
    };
    // One unit per 64 bytes.
    assert_eq!(cost(64000) - cost(0), 1000);
}

#[test]
fn binary_trees_need_no_more_than_their_live_nodes() {
    let engine = Engine::default();
    // The two deepest trees have 2^17 and 2^16 nodes of 16 bytes.
    let (outcome, text) = run(&engine, BINARY_TREES, &[15], 6 << 20);
    outcome.expect("the heap is large enough for what is alive");
    assert!(
        text.ends_with("long lived tree of depth 15\t check: 65535\n"),
        "{text}"
    );
}

/// The number of programs run with random limits; `KEEL_HEAP_CASES` overrides the default.
fn cases() -> u32 {
    let asked = std::env::var("KEEL_HEAP_CASES").ok();
    asked.map_or(24, |cases| {
        cases.parse().expect("KEEL_HEAP_CASES is a number")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn a_heap_at_its_limit_ends_in_a_trap(limit in 0u64..3 << 20, trees: bool) {
        let engine = Engine::default();
        let (wat, arguments) = if trees {
            (BINARY_TREES, &[12][..])
        } else {
            (DOCUMENT_TREE, &[5, 2, 200][..])
        };
        let (outcome, text) = run(&engine, wat, arguments, limit);
        match outcome {
            Ok(()) => prop_assert_eq!(text, run(&engine, wat, arguments, 1 << 30).1),
            Err(Error::Trap(trap)) => prop_assert_eq!(trap.kind, TrapKind::HeapExhausted),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

const ROOTS: &str = r#"(module
    (type $box (struct (field (mut i64))))
    (type $boxes (array (mut anyref)))
    (type $pair (struct (field (mut anyref)) (field (mut externref)) (field (mut (ref null $boxes)))))
    (global $global (export "global") (mut anyref) (ref.null any))
    (global $first (ref $box) (struct.new $box (i64.const 100)))
    (table $table (export "table") 4 anyref)
    (table $external 4 externref)
    (elem $segment (ref $box) (struct.new $box (i64.const 7)) (struct.new $box (i64.const 8)))
    (func $new (param i64) (result (ref $box)) (struct.new $box (local.get 0)))
    (func $get (param anyref) (result i64) (struct.get $box 0 (ref.cast (ref $box) (local.get 0))))
    (func $waste (local i32)
        (loop
            (drop (call $new (i64.const -1)))
            (drop (array.new $boxes (ref.i31 (local.get 0)) (i32.const 3)))
            (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 20)))))
    (func (export "sum") (param $host externref) (result i64)
        (local $local (ref $box)) (local $pair (ref $pair))
        (local.set $local (call $new (i64.const 1)))
        (global.set $global (call $new (i64.const 2)))
        (table.set $table (i32.const 3) (call $new (i64.const 3)))
        (table.set $external (i32.const 2) (extern.convert_any (call $new (i64.const 4))))
        (local.set $pair (struct.new $pair
            (call $new (i64.const 5)) (extern.convert_any (call $new (i64.const 6)))
            (array.new_elem $boxes $segment (i32.const 0) (i32.const 2))))
        (call $waste)
        ;; On the operand stack, below a call that collects.
        (call $new (i64.const 9))
        (call $waste)
        (call $get)
        (i64.add (call $get (local.get $local)))
        (i64.add (call $get (global.get $global)))
        (i64.add (call $get (table.get $table (i32.const 3))))
        (i64.add (call $get (any.convert_extern (table.get $external (i32.const 2)))))
        (i64.add (call $get (struct.get $pair 0 (local.get $pair))))
        (i64.add (call $get (any.convert_extern (struct.get $pair 1 (local.get $pair)))))
        (i64.add (call $get (array.get $boxes (struct.get $pair 2 (local.get $pair)) (i32.const 0))))
        (i64.add (call $get (array.get $boxes (struct.get $pair 2 (local.get $pair)) (i32.const 1))))
        (i64.add (call $get (global.get $first)))
        ;; What the host gave is still the host's.
        (struct.set $pair 0 (local.get $pair) (any.convert_extern (local.get $host)))
        (call $waste)
        (i64.add (select (i64.const 0) (i64.const 1000)
            (ref.test (ref eq) (struct.get $pair 0 (local.get $pair))))))
    (func (export "box") (param i64) (result anyref) (call $new (local.get 0)))
    (func (export "unbox") (param anyref) (result i64) (call $get (local.get 0)))
    (func (export "waste") (call $waste)))"#;

fn roots(engine: &Engine) -> (Store<()>, Instance) {
    let module = Module::new(engine, ROOTS.as_bytes()).expect("a module");
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, &module);
    let instance = instance.expect("an instance");
    (store, instance)
}

#[test]
fn whatever_can_be_reached_is_kept() {
    for engine in engines() {
        let (mut store, instance) = roots(&engine);
        let sum = instance.get_func(&mut store, "sum").expect("an export");
        let host = Val::ExternRef(Some(ExternRef::new(u32::MAX)));
        let found = sum.call(&mut store, &[host]).expect("no trap");
        // One to nine, a hundred, and a thousand for the host's reference.
        assert_eq!(found[0].i64(), Some(45 + 100 + 1000));
    }
}

#[test]
fn a_handle_keeps_its_object_until_it_is_released() {
    for engine in engines() {
        let (mut store, instance) = roots(&engine);
        let mut call = |name: &str, arguments: &[Val]| {
            let function = instance.get_func(&mut store, name).expect("an export");
            function.call(&mut store, arguments)
        };
        let boxed = call("box", &[Val::I64(42)]).expect("no trap")[0];
        let Val::AnyRef(Some(reference)) = boxed else {
            unreachable!("a box is not null");
        };
        assert!(reference.is_struct() && !reference.is_array() && reference.i31().is_none());
        call("waste", &[]).expect("no trap");
        let found = call("unbox", &[boxed]).expect("no trap")[0];
        assert_eq!(found.i64(), Some(42));
        reference.release(&mut store);
        let unbox = instance.get_func(&mut store, "unbox").expect("an export");
        let error = unbox
            .call(&mut store, &[boxed])
            .expect_err("it was released");
        assert!(matches!(error, Error::Type(_)), "{error}");
        let (mut other, _) = roots(&engine);
        reference.release(&mut other);
    }
}

#[test]
fn a_small_integer_goes_in_and_comes_out() {
    let engine = Engine::default();
    let (mut store, instance) = roots(&engine);
    let global = instance
        .get_global(&mut store, "global")
        .expect("an export");
    for number in [0, 1, -1, 0x3fff_ffff, -0x4000_0000] {
        let value = Val::AnyRef(Some(AnyRef::from_i31(number)));
        global.set(&mut store, value).expect("of the type");
        match global.get(&store).expect("of the store") {
            Val::AnyRef(Some(found)) => assert_eq!(found.i31(), Some(number)),
            other => panic!("{other:?}"),
        }
    }
    let unbox = instance.get_func(&mut store, "unbox").expect("an export");
    let number = Val::AnyRef(Some(AnyRef::from_i31(3)));
    let error = unbox.call(&mut store, &[number]).expect_err("no box");
    assert_eq!(
        error.as_trap().map(|trap| trap.kind),
        Some(TrapKind::CastFailure)
    );
}

#[test]
fn a_value_below_a_type_is_taken_and_one_beside_it_refused() {
    let engine = Engine::default();
    let (mut store, instance) = roots(&engine);
    let table = instance.get_table(&mut store, "table").expect("an export");
    assert_eq!(
        table.ty(&store).expect("of the store").element,
        ValType::ANYREF
    );
    for value in [
        Val::AnyRef(None),
        ExternRef::new(1).into(),
        AnyRef::from_i31(1).into(),
    ] {
        table.set(&mut store, 0, value).expect("any of these");
    }
    for value in [Val::FuncRef(None), Val::ExternRef(None), Val::I32(1)] {
        let error = table.set(&mut store, 0, value).expect_err("none of these");
        assert!(matches!(error, Error::Type(_)), "{error}");
    }
    let i31 = ValType::Ref(RefType::non_null(HeapType::I31));
    assert!(!i31.is_defaultable() && ValType::ANYREF.is_defaultable());
}

#[test]
fn a_module_of_two_engines_is_refused() {
    let (one, two) = (Engine::default(), Engine::default());
    let module = Module::new(&one, b"(module)").expect("a module");
    let mut store = Store::new(&two, ());
    let error = Linker::new(&one).instantiate(&mut store, &module).err();
    assert!(matches!(error, Some(Error::Type(_))), "{error:?}");
    let error = Linker::<()>::new(&two).instantiate_pre(&module).err();
    assert!(matches!(error, Some(Error::Type(_))), "{error:?}");
}
