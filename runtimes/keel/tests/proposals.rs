//! Each proposal can be switched: a module that uses it runs if it is on, and is rejected with its
//! name if it is off.

use keel::{Config, Engine, Error, Feature, Features, Module};

/// For each proposal, a module that needs only it, WebAssembly 1.0, and the features named beside
/// it.
const MODULES: &[(Feature, &str)] = &[
    (
        Feature::MutableGlobals,
        r#"(module (global (export "g") (mut i32) (i32.const 0)))"#,
    ),
    (
        Feature::SaturatingConversions,
        "(module (func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0))))",
    ),
    (
        Feature::SignExtension,
        "(module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))",
    ),
    (
        Feature::MultiValue,
        "(module (func (result i32 i32) (i32.const 1) (i32.const 2)))",
    ),
    (Feature::ReferenceTypes, "(module (func (param externref)))"),
    (
        Feature::BulkMemory,
        "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
    ),
    (Feature::Simd, "(module (func (param v128)))"),
    (
        Feature::RelaxedSimd,
        "(module (func (param v128 v128) (result v128)
            (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
    ),
    (Feature::TailCalls, "(module (func $f (return_call $f)))"),
    (
        Feature::ExtendedConst,
        "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
    ),
    (Feature::MultiMemory, "(module (memory 1) (memory 1))"),
    (Feature::Memory64, "(module (memory i64 1))"),
    (Feature::Exceptions, "(module (tag) (func (throw 0)))"),
    (
        Feature::FunctionReferences,
        "(module (type $t (func)) (func (param (ref null $t))))",
    ),
    (Feature::Gc, "(module (type (struct)))"),
    (Feature::Threads, "(module (memory 1 1 shared))"),
    (Feature::CustomPageSizes, "(module (memory 1 (pagesize 1)))"),
    (
        Feature::WideArithmetic,
        "(module (func (param i64 i64) (result i64 i64)
            (i64.mul_wide_s (local.get 0) (local.get 1))))",
    ),
];

fn compile(features: Features, text: &str) -> Result<(), Error> {
    let wasm = wat::parse_str(text).expect("the text is right");
    Module::new(&Engine::new(Config::new().features(features)), &wasm).map(drop)
}

#[test]
fn every_feature_is_refused_by_name_where_it_is_off() {
    for feature in Feature::all() {
        let (_, text) = MODULES
            .iter()
            .find(|(of, _)| *of == feature)
            .unwrap_or_else(|| panic!("no module for {feature}"));
        if Features::default().has(feature) {
            compile(Features::default(), text).unwrap_or_else(|e| panic!("{feature}: {e}"));
        }
        let error = compile(Features::default().without(feature), text)
            .expect_err(&format!("{feature} is off"));
        let message = error.to_string();
        assert!(
            message.contains(feature.name()),
            "{feature}: `{message}` does not name it"
        );
        assert_eq!(Feature::from_name(feature.name()), Some(feature));
    }
}

#[test]
fn an_invalid_module_is_not_blamed_on_a_feature() {
    let broken = "(module (memory i64 1) (func (result i32) (i64.const 0)))";
    let error = compile(Features::wasm1(), broken).expect_err("a wrong result type");
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}

#[test]
fn legacy_exceptions_are_refused_by_name() {
    // A function with the legacy `try end`, in binary format, because the text format no longer has
    // it.
    let wasm =
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x07\x01\x05\0\x06\x40\x0b\x0b";
    let error = Module::new(&Engine::default(), wasm)
        .err()
        .expect("not supported");
    assert!(error.to_string().contains("legacy exceptions"), "{error}");
}

#[test]
fn a_hinted_branch_moves_code_and_changes_no_result() {
    let module = |hint: &str| {
        format!(
            r#"(module (func (export "f") (param i32) (result i32)
                block $b
                    local.get 0
                    {hint}
                    br_if $b
                    local.get 0
                    i32.const 3
                    i32.add
                    return
                end
                local.get 0
                i32.const 1
                i32.and
                {hint}
                if (result i32)
                    i32.const 7
                else
                    i32.const 100
                    local.get 0
                    i32.div_u
                end))"#
        )
    };
    let hints = [
        "",
        r#"(@metadata.code.branch_hint "\00")"#,
        r#"(@metadata.code.branch_hint "\01")"#,
    ];
    let mut assembly = Vec::new();
    for hint in hints {
        let wasm = wat::parse_str(module(hint)).expect("the text is right");
        let engine = Engine::default();
        assembly.push(
            engine
                .inspect_function(&wasm, 0)
                .expect("it compiles")
                .assembly,
        );
        let module = Module::new(&engine, &wasm).expect("it compiles");
        let mut store = keel::Store::new(&engine, ());
        let instance = keel::Linker::new(&engine)
            .instantiate(&mut store, &module)
            .expect("it starts");
        let f = instance
            .get_typed_func::<i32, i32>(&mut store, "f")
            .expect("it is exported");
        for (argument, expected) in [(0, 3), (1, 7), (2, 50), (5, 7), (4, 25)] {
            assert_eq!(f.call(&mut store, argument).expect("no trap"), expected);
        }
    }
    let [plain, unlikely, likely] = &assembly[..] else {
        unreachable!("there are three")
    };
    assert_ne!(plain, unlikely);
    assert_ne!(unlikely, likely);
}
