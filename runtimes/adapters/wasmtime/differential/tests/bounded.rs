//! A bounded search over a fixed set of modules. Use `cargo run --release -- --seconds N --seed S` to search further.

use differential::corpus;
use differential::{Engine, Process, compare};
use differential::{generate, mutate};

/// Number of seeds.
const SEEDS: u64 = 1500;
/// Number of seeds whose modules are mutated, and mutants per module.
const MUTATED_SEEDS: u64 = 150;
const MUTANTS: usize = 3;

fn engines() -> (Process, Process) {
    let process = |engine: Engine| Process::new(engine.program().expect("its package builds"));
    (process(Engine::Keel), process(Engine::Wasmtime))
}

#[test]
fn generated_modules_do_the_same_on_both_engines() {
    let (mut keel, mut wasmtime) = engines();
    let (mut modules, mut calls, mut traps) = (0, 0, 0);
    for seed in 0..SEEDS {
        let Some(wasm) = generate::module(seed) else {
            continue;
        };
        let expected = wasmtime.describe(&wasm).expect("Wasmtime starts");
        let found = keel.describe(&wasm).expect("keel starts");
        let comparison = compare(&expected, &found);
        assert_eq!(comparison.difference, None, "seed {seed}");
        modules += 1;
        calls += comparison.calls;
        traps += comparison.traps;
    }
    // Without these checks, a search that compares nothing would pass.
    assert!(modules > SEEDS * 3 / 4, "only {modules} modules");
    assert!(calls > 4 * SEEDS as usize, "only {calls} calls");
    assert!(
        traps > 0 && traps < calls / 2,
        "{traps} of {calls} calls trap"
    );
    println!("{modules} modules, {calls} calls, {traps} of them traps");
}

#[test]
fn mutated_modules_do_the_same_on_both_engines() {
    let (mut keel, mut wasmtime) = engines();
    let (mut mutated, mut calls) = (0, 0);
    for seed in 0..MUTATED_SEEDS {
        let Some(wasm) = generate::module(seed) else {
            continue;
        };
        for mutant in mutate::mutants(&wasm, seed, MUTANTS) {
            let expected = wasmtime.describe(&mutant).expect("Wasmtime starts");
            let found = keel.describe(&mutant).expect("keel starts");
            let comparison = compare(&expected, &found);
            assert_eq!(comparison.difference, None, "a mutant of seed {seed}");
            mutated += 1;
            calls += comparison.calls;
        }
    }
    assert!(mutated > MUTATED_SEEDS, "only {mutated} mutants");
    assert!(calls as u64 > 2 * mutated, "only {calls} calls");
    println!("{mutated} mutants, {calls} calls");
}

#[test]
fn the_corpus_says_what_wasmtime_does() {
    let (_, mut wasmtime) = engines();
    let modules = corpus::modules(&corpus::folder()).expect("the folder is there");
    assert!(!modules.is_empty());
    for path in modules {
        let wasm = std::fs::read(&path).expect("it can be read");
        let text = std::fs::read_to_string(path.with_extension("txt")).expect("it is recorded");
        let now = wasmtime.describe(&wasm).expect("Wasmtime starts");
        assert_eq!(
            compare(&text, &now).difference,
            None,
            "{}: `record` writes it anew",
            path.display()
        );
    }
}

/// Uses a module with one error on keel to simulate a wrong keel.
#[test]
fn a_wrong_result_trap_or_state_is_noticed() {
    const RIGHT: &str = r#"(module
        (memory (export "m") 1) (table (export "t") 4 externref)
        (global (export "g") (mut i64) (i64.const 1))
        (type $f (func (result i32)))
        (table $calls 2 funcref) (elem (table $calls) (i32.const 0) func $seven)
        (func $seven (result i32) (i32.const 7))
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "load") (result i32) (i32.load (i32.const 65536)))
        (func (export "indirect") (result i32) (call_indirect $calls (type $f) (i32.const 1)))
        (func (export "store") (i32.store8 (i32.const 777) (i32.const 5)))
        (func (export "set") (param externref) (table.set 0 (i32.const 2) (local.get 0)))
        (func (export "bump") (global.set 1 (i64.add (global.get 1) (i64.const 3))))
        (import "host" "give" (func $give (result i32)))
        (import "host" "nothing" (func $nothing))
        (import "host" "i32" (global i32))
        (func (export "vector") (param v128 v128) (result v128)
            (i16x8.add (local.get 0) (local.get 1)))
        (func (export "tell") (call $nothing)))"#;
    const WRONG: [(&str, &str); 8] = [
        ("i32.add (local.get 0)", "i32.sub (local.get 0)"),
        (
            "i32.load (i32.const 65536)",
            "i32.div_u (i32.const 65536) (i32.const 0)",
        ),
        (
            "call_indirect $calls (type $f) (i32.const 1)",
            "call_indirect $calls (type $f) (i32.const 2)",
        ),
        ("i32.const 777", "i32.const 778"),
        ("table.set 0 (i32.const 2)", "table.set 0 (i32.const 1)"),
        ("i64.const 3", "i64.const 4"),
        ("i16x8.add", "i8x16.add"),
        ("(call $nothing)", "(drop (call $give))"),
    ];
    // Imports come first in the text format.
    let encode = |wat: &str| {
        let (imports, rest): (Vec<&str>, Vec<&str>) = wat
            .lines()
            .skip(1)
            .partition(|line| line.contains("(import"));
        let text = format!("(module {} {}", imports.join("\n"), rest.join("\n"));
        wat::parse_str(text).expect("well formed")
    };
    let (mut keel, mut wasmtime) = engines();
    let right = encode(RIGHT);
    let expected = wasmtime.describe(&right).expect("Wasmtime starts");
    let found = keel.describe(&right).expect("keel starts");
    assert_eq!(compare(&expected, &found).difference, None);
    for (from, to) in WRONG {
        assert_eq!(RIGHT.matches(from).count(), 1, "{from}");
        // Both have the same exports, so they are called with the same arguments.
        let wrong = encode(&RIGHT.replace(from, to));
        let found = keel.describe(&wrong).expect("keel starts");
        assert_ne!(compare(&expected, &found).difference, None, "{to}");
    }
}

#[test]
fn an_engine_that_dies_is_noticed_and_started_again() {
    let mut process = Process::new("/bin/false".into());
    for _ in 0..2 {
        let text = process.describe(b"\0asm\x01\0\0\0").expect("it starts");
        assert!(text.starts_with("the process died"), "{text}");
    }
}
