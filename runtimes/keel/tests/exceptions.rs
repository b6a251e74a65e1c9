//! Exceptions: which handlers catch them, and how they pass through the host.

use keel::{
    Caller, Config, Engine, Error, ExnRef, FuncType, Instance, Linker, Module, Store, Tag,
    TrapKind, Val, ValType,
};

fn start(engine: &Engine, store: &mut Store<()>, linker: &Linker<()>, text: &str) -> Instance {
    let module = Module::new(engine, text.as_bytes()).expect("it compiles");
    linker.instantiate(store, &module).expect("it starts")
}

fn call(
    store: &mut Store<()>,
    instance: Instance,
    name: &str,
    args: &[Val],
) -> Result<Vec<Val>, Error> {
    instance
        .get_func(&mut *store, name)
        .expect("it is exported")
        .call(store, args)
}

/// Throws from deep recursion, with arguments and results in registers and on the stack.
const DEEP: &str = r#"(module
    (tag $t (export "t") (param i32 i64 f64 v128))
    (type $many (func (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i64)
        (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)))
    (func $down (type $many)
        (if (i32.eqz (local.get 0))
            (then (throw $t (i32.const 7) (i64.const 8) (f64.const 9)
                (v128.const i64x2 10 11))))
        (call $down (i32.sub (local.get 0) (i32.const 1)) (local.get 1) (local.get 2) (local.get 3)
            (local.get 4) (local.get 5) (local.get 6) (local.get 7) (local.get 8) (local.get 9)))
    (func (export "run") (param $depth i32) (result i32 i64 f64 i64 i64)
        (local $kept i64) (local $i i32)
        (local.set $kept (i64.const 1000))
        (block $caught (result i32 i64 f64 v128)
            (try_table (catch $t $caught)
                (local.set $kept (i64.const 2000))
                (local.set $i (i32.const 5))
                (call $down (local.get $depth) (i64.const 1) (i64.const 2) (i64.const 3)
                    (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8)
                    (i64.const 9))
                (drop) (drop) (drop) (drop) (drop) (drop) (drop) (drop) (drop) (drop))
            (unreachable))
        (i64x2.extract_lane 1)
        (i64.add (local.get $kept) (i64.extend_i32_u (local.get $i)))))"#;

#[test]
fn an_exception_comes_through_many_frames_with_its_values() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = start(&engine, &mut store, &Linker::new(&engine), DEEP);
    for depth in [0, 1, 10, 1000] {
        for _ in 0..3 {
            let results = call(&mut store, instance, "run", &[Val::I32(depth)]).expect("caught");
            let numbers = (results[0].i32(), results[1].i64(), results[2].f64());
            assert_eq!(numbers, (Some(7), Some(8), Some(9.0)), "at depth {depth}");
            assert_eq!(results[3].i64(), Some(11));
            assert_eq!(
                results[4].i64(),
                Some(2005),
                "locals as they were at the call"
            );
        }
    }
}

#[test]
fn neither_a_trap_nor_an_error_of_the_host_is_caught() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("host", "fail", |_: Caller<'_, ()>| -> Result<(), Error> {
            Err(Error::host("broken"))
        })
        .expect("a free name");
    let text = r#"(module (import "host" "fail" (func $fail)) (memory 1)
        (func $trap (drop (i32.load (i32.const -1))))
        (func (export "trap") (block $all (try_table (catch_all $all) (call $trap))))
        (func (export "here") (block $all (try_table (catch_all $all) (unreachable))))
        (func (export "fail") (block $all (try_table (catch_all $all) (call $fail))))
        (func $endless (call $endless))
        (func (export "stack") (block $all (try_table (catch_all $all) (call $endless)))))"#;
    let mut store = Store::new(&engine, ());
    let instance = start(&engine, &mut store, &linker, text);
    for (name, kind) in [
        ("trap", TrapKind::MemoryOutOfBounds),
        ("here", TrapKind::Unreachable),
        ("stack", TrapKind::StackOverflow),
    ] {
        let error = call(&mut store, instance, name, &[]).expect_err("it traps");
        assert_eq!(error.as_trap().map(|trap| trap.kind), Some(kind), "{name}");
    }
    let error = call(&mut store, instance, "fail", &[]).expect_err("the host fails");
    assert_eq!(error.to_string(), "broken");
}

#[test]
fn an_exception_passes_through_the_host_as_an_error() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("host", "again", |mut caller: Caller<'_, ()>, at: i32| {
            let function = match caller.get_export("inner") {
                Some(keel::Extern::Func(function)) => function,
                _ => return Err(Error::host("no function")),
            };
            function.call(&mut caller, &[Val::I32(at)]).map(drop)
        })
        .expect("a free name");
    let text = r#"(module (import "host" "again" (func $again (param i32)))
        (tag $t (export "t") (param i32)) (tag $other)
        (func (export "inner") (param i32)
            (if (i32.eqz (local.get 0)) (then (throw $t (i32.const 42))))
            ;; Each level has a handler for something else.
            (block $not
                (try_table (catch $other $not) (call $again (i32.sub (local.get 0) (i32.const 1))))
                (return))
            (unreachable))
        (func (export "caught") (param i32) (result i32)
            (block $caught (result i32)
                (try_table (catch $t $caught) (call $again (local.get 0)))
                (i32.const -1)))
        (func (export "uncaught") (param i32) (call $again (local.get 0))))"#;
    let mut store = Store::new(&engine, ());
    let instance = start(&engine, &mut store, &linker, text);
    for depth in [0, 1, 5] {
        let results = call(&mut store, instance, "caught", &[Val::I32(depth)]).expect("caught");
        assert_eq!(results[0].i32(), Some(42), "at depth {depth}");
        let error = call(&mut store, instance, "uncaught", &[Val::I32(depth)]);
        let Err(Error::Exception(exception)) = error else {
            panic!("at depth {depth}: {error:?}");
        };
        let values = exception.values(&mut store).expect("it is kept");
        assert_eq!(values[0].i32(), Some(42));
        let tag = instance.get_export(&mut store, "t").expect("exported");
        let keel::Extern::Tag(tag) = tag else {
            panic!("a tag")
        };
        assert_eq!(exception.tag(&store).expect("it is kept"), tag);
        exception.release(&mut store);
        assert!(exception.values(&mut store).is_err(), "it was released");
    }
}

#[test]
fn two_instances_of_a_module_have_two_tags() {
    let engine = Engine::default();
    let thrower = r#"(module (tag $t (export "t")) (func (export "throw") (throw $t)))"#;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let first = start(&engine, &mut store, &linker, thrower);
    let second = start(&engine, &mut store, &linker, thrower);
    linker.instance(&mut store, "first", first).expect("free");
    linker.instance(&mut store, "second", second).expect("free");
    let text = r#"(module
        (import "first" "t" (tag $t)) (import "second" "t" (tag $u))
        (import "first" "throw" (func $throw)) (import "second" "throw" (func $throw2))
        (func (export "own") (result i32)
            (block $u (block $t
                (try_table (catch $u $u) (catch $t $t) (call $throw)) (return (i32.const 0)))
                (return (i32.const 1)))
            (i32.const 2))
        (func (export "other") (result i32)
            (block $all (block $t
                (try_table (catch $t $t) (catch_all $all) (call $throw2)) (return (i32.const 0)))
                (return (i32.const 1)))
            (i32.const 2)))"#;
    let instance = start(&engine, &mut store, &linker, text);
    let own = call(&mut store, instance, "own", &[]).expect("caught");
    assert_eq!(own[0].i32(), Some(1));
    let other = call(&mut store, instance, "other", &[]).expect("caught");
    assert_eq!(other[0].i32(), Some(2));
}

#[test]
fn a_tail_call_leaves_the_handler() {
    let engine = Engine::default();
    let text = r#"(module (tag $t)
        (func $throw (throw $t))
        (func (export "run")
            (block $caught (try_table (catch $t $caught) (return_call $throw)))))"#;
    let mut store = Store::new(&engine, ());
    let instance = start(&engine, &mut store, &Linker::new(&engine), text);
    let error = call(&mut store, instance, "run", &[]).expect_err("not caught");
    assert!(matches!(error, Error::Exception(_)), "{error}");
}

#[test]
fn exceptions_and_what_they_carry_survive_collections() {
    let engine = Engine::new(Config::new().collect_always(true));
    let text = r#"(module
        (type $box (struct (field i64)))
        (tag $t (param (ref $box)))
        (global $last (mut exnref) (ref.null exn))
        (func $churn (param i32)
            (loop $more
                (drop (struct.new $box (i64.const -1)))
                (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func $throw (param i64) (throw $t (struct.new $box (local.get 0))))
        (func (export "run") (param i64) (result i64) (local $caught exnref)
            (block $one (result (ref $box) exnref)
                (try_table (catch_ref $t $one) (call $throw (local.get 0)))
                (unreachable))
            (global.set $last)
            (drop)
            (call $churn (i32.const 200))
            (block $again (result exnref)
                (try_table (catch_all_ref $again) (throw_ref (global.get $last)))
                (unreachable))
            (local.set $caught)
            (global.set $last (ref.null exn))
            (call $churn (i32.const 200))
            (block $two (result (ref $box))
                (try_table (catch $t $two) (throw_ref (local.get $caught)))
                (unreachable))
            (struct.get $box 0)))"#;
    let mut store = Store::new(&engine, ());
    let instance = start(&engine, &mut store, &Linker::new(&engine), text);
    for number in [1, i64::MAX, -5] {
        let results = call(&mut store, instance, "run", &[Val::I64(number)]).expect("caught");
        assert_eq!(results[0].i64(), Some(number));
    }
}

#[test]
fn the_host_throws_and_a_null_reference_traps() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let tag = Tag::create(&mut store, FuncType::new([ValType::I32, ValType::V128], []));
    let tag = tag.expect("there is room");
    let mut linker = Linker::new(&engine);
    linker.define("host", "tag", tag).expect("free");
    linker
        .func_wrap(
            "host",
            "throw",
            move |mut caller: Caller<'_, ()>, value: i32| {
                let values = [Val::I32(value), Val::V128(1 << 100)];
                Err::<(), _>(Error::Exception(ExnRef::new(&mut caller, tag, &values)?))
            },
        )
        .expect("free");
    let text = r#"(module (import "host" "tag" (tag $t (param i32 v128)))
        (import "host" "throw" (func $throw (param i32)))
        (func (export "run") (param i32) (result i32)
            (block $caught (result i32 v128)
                (try_table (catch $t $caught) (call $throw (local.get 0))) (unreachable))
            (drop))
        (func (export "null") (throw_ref (ref.null exn)))
        (func (export "out") (param exnref) (throw_ref (local.get 0))))"#;
    let instance = start(&engine, &mut store, &linker, text);
    for value in 0..100 {
        let results = call(&mut store, instance, "run", &[Val::I32(value)]).expect("caught");
        assert_eq!(results[0].i32(), Some(value));
    }
    let error = call(&mut store, instance, "null", &[]).expect_err("it traps");
    assert_eq!(
        error.as_trap().map(|trap| trap.kind),
        Some(TrapKind::NullReference)
    );
    let exception = ExnRef::new(&mut store, tag, &[Val::I32(3), Val::V128(4)]).expect("room");
    let error = call(&mut store, instance, "out", &[Val::ExnRef(Some(exception))]);
    let Err(Error::Exception(out)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        out.values(&mut store).expect("it is kept")[0].i32(),
        Some(3)
    );
    assert!(
        ExnRef::new(&mut store, tag, &[Val::I32(3)]).is_err(),
        "a value is missing"
    );
}

#[test]
fn a_tag_of_another_type_is_not_linked() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let tag = Tag::create(&mut store, FuncType::new([ValType::I64], [])).expect("room");
    linker.define("host", "tag", tag).expect("free");
    let module = Module::new(
        &engine,
        br#"(module (import "host" "tag" (tag (param i32))))"#,
    );
    let error = linker.instantiate(&mut store, &module.expect("it compiles"));
    assert!(matches!(error, Err(Error::IncompatibleImport { .. })));
}

#[test]
fn a_function_without_a_handler_is_compiled_as_before() {
    let engine = Engine::default();
    let with = r#"(module (tag $t) (func $f (param i32) (result i32)
            (i32.add (local.get 0) (call $f (local.get 0))))
        (func (block $b (try_table (catch $t $b) (drop (call $f (i32.const 1)))))))"#;
    let without = "(module (func $f (param i32) (result i32)
            (i32.add (local.get 0) (call $f (local.get 0)))))";
    let clif = |text: &str, function| {
        let wasm = wat::parse_str(text).expect("the text is right");
        let inspection = engine
            .inspect_function(&wasm, function)
            .expect("it compiles");
        inspection
            .clif
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| {
                line.split_whitespace()
                    .filter(|word| !word.starts_with('@'))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(clif(with, 0), clif(without, 0));
    assert!(clif(with, 1).iter().any(|line| line.contains("try_call")));
}

#[test]
fn a_million_exceptions_need_no_more_memory_than_one() {
    let engine = Engine::default();
    let text = r#"(module (tag $t (param i64))
        (func $throw (param i64) (throw $t (local.get 0)))
        (func (export "run") (result i64) (local $i i64) (local $sum i64)
            (loop $more
                (block $caught (result i64)
                    (try_table (catch $t $caught) (call $throw (local.get $i)))
                    (unreachable))
                (local.set $sum (i64.add (local.get $sum)))
                (local.set $i (i64.add (local.get $i) (i64.const 1)))
                (br_if $more (i64.ne (local.get $i) (i64.const 1000000))))
            (local.get $sum)))"#;
    let mut store = Store::new(&engine, ());
    store.set_limits(keel::Limits {
        heap_bytes: 1 << 20,
        ..keel::Limits::default()
    });
    let instance = start(&engine, &mut store, &Linker::new(&engine), text);
    let results = call(&mut store, instance, "run", &[]).expect("caught");
    assert_eq!(results[0].i64(), Some(499_999_500_000));
}
