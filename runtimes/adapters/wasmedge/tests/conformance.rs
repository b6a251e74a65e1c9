//! Protocol tests, the output of workloads on every step, and checks that compiled code is not interpreted.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use adapter_wasmedge::specification::Specification;
use adapter_wasmedge::{Engine, Mode};
use plimsoll_adapter::protocol::{Script, Went};
use plimsoll_adapter::{conformance, wast};

/// Workloads that take seconds in an interpreter are left to `bench`.
const LIGHT: [&str; 4] = ["empty", "hello", "hello-rust", "handler"];

#[test]
fn workloads_are_verified_on_every_step_of_every_target() {
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-wasmedge")),
        |workload| LIGHT.contains(&workload),
        &[("wasmedge/aot", 6), ("wasmedge/interpreter", 6)],
    );
}

/// WasmEdge silently interprets a compiled file unless its mode is AOT. Compiled code is tens of times faster on this
/// workload, so a factor of five distinguishes the two on any machine.
#[test]
fn what_is_compiled_ahead_of_time_is_executed_by_the_processor() {
    let wasm = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../workloads/wasm/sha256.wasm");
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let library = scratch.path().join("sha256.so");
    let bytes = fs::read(&wasm).expect("the workload");
    let engine = Engine::new(Mode::Aot).expect("an engine");
    engine.compile(&bytes, &library).expect("compiled");

    let compiled = took(&[], &library);
    let interpreted = took(&["--interpret"], &wasm);
    assert!(
        compiled * 5 < interpreted,
        "compiled: {compiled:?}, interpreted: {interpreted:?}"
    );
    // The same file in the wrong mode is slow and must never be measured.
    let wrong = took(&["--interpret"], &library);
    assert!(
        compiled * 5 < wrong,
        "compiled: {compiled:?}, the same file in the interpreter's mode: {wrong:?}"
    );
}

/// The same check for scripts, with a loop of five million iterations.
#[test]
fn scripts_for_the_compiled_target_are_carried_out_by_the_processor() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let script = scratch.path().join("count.wast");
    let count = r#"
        (module (func (export "count") (param i32) (result i32) (local i32)
            (loop $again
                (local.set 1 (i32.mul (i32.add (local.get 1) (local.get 0)) (i32.const 3)))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 1)))
        (assert_trap (invoke "count" (i32.const 5000000)) "it does not trap")
    "#;
    fs::write(&script, count).expect("a script");
    // A directive that cannot pass reports the loop's result in its verdict.
    let carried_out = |mode| {
        let mut engine = Specification::new(mode, &[], &script).expect("an engine");
        let request = Script {
            target: "a target".into(),
            features: Vec::new(),
            script: script.clone(),
            from: 0,
            without: Vec::new(),
        };
        let mut said = Vec::new();
        wast::run(&mut engine, &request, &mut |one| {
            said.push((Instant::now(), one.went));
        })
        .expect("it was carried out");
        let [
            (begun, Went::Passed { .. }),
            (ended, Went::Failed { message }),
        ] = said.as_slice()
        else {
            panic!("{said:?}");
        };
        (ended.duration_since(*begun), message.clone())
    };
    let (compiled, given) = carried_out(Mode::Aot);
    let (interpreted, same) = carried_out(Mode::Interpreter);
    assert_eq!(given, same);
    assert!(given.starts_with("gave i32"), "{given}");
    assert!(
        compiled * 5 < interpreted,
        "compiled: {compiled:?}, interpreted: {interpreted:?}"
    );
    let left = fs::read_dir(scratch.path()).expect("the directory").count();
    assert_eq!(left, 1, "a library was left beside the script");
}

/// The runner's time for a quarter of the workload, including its start; the shorter of two runs.
fn took(options: &[&str], file: &Path) -> Duration {
    let once = || {
        let begun = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_wasmedge-runner"))
            .args(options)
            .arg(file)
            .args(["sha256", "3"])
            .stdout(Stdio::null())
            .status()
            .expect("the runner starts");
        assert!(status.success(), "{options:?} {}: {status}", file.display());
        begun.elapsed()
    };
    once().min(once())
}
