//! The adapter keeps the protocol, workloads give their expected output on every step, and what is
//! compiled ahead of time is not interpreted.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use adapter_wasmedge::{Engine, Mode};
use plimsoll_adapter::conformance;

/// Those that compute for seconds when they are interpreted are left to `bench`.
const LIGHT: [&str; 4] = ["empty", "hello", "hello-rust", "handler"];

#[test]
fn workloads_are_verified_on_every_step_of_every_target() {
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-wasmedge")),
        |workload| LIGHT.contains(&workload),
        &[("wasmedge/aot", 6), ("wasmedge/interpreter", 6)],
    );
}

/// WasmEdge interprets a compiled file without a word when its run mode is not AOT. Compiled code
/// is tens of times faster on this workload, so five times tells the two apart on any machine.
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
    // The same file in the wrong mode is what must not be measured: it is as slow.
    let wrong = took(&["--interpret"], &library);
    assert!(
        compiled * 5 < wrong,
        "compiled: {compiled:?}, the same file in the interpreter's mode: {wrong:?}"
    );
}

/// The runner's time on a quarter of the workload, its start included; the shorter of two.
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
