//! The adapter keeps the protocol, and every workload gives its expected output on every target.
//!
//! The runners are found where a build leaves them; the second is built by
//! `bench setup wasmtime wasmtime-static` (runtimes/targets.toml says how).

use std::collections::BTreeSet;
use std::path::Path;

use plimsoll_adapter::conformance::{self, Went};

#[test]
fn every_workload_is_verified_on_every_step_of_every_target() {
    let adapter = Path::new(env!("CARGO_BIN_EXE_adapter-wasmtime"));
    let workloads = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../workloads");
    let cases = conformance::workloads(&workloads).unwrap_or_else(|error| panic!("{error}"));
    let scratch = tempfile::tempdir().expect("a temporary directory");

    let exercised = conformance::check(adapter, &cases, scratch.path())
        .unwrap_or_else(|violations| panic!("{violations}"));

    for one in &exercised {
        println!("{one:?}");
        assert!(matches!(one.went, Went::Verified(_)), "{one:?}");
    }
    let targets: BTreeSet<_> = exercised.iter().map(|one| one.target.as_str()).collect();
    assert_eq!(
        targets,
        BTreeSet::from([
            "wasmtime/cranelift",
            "wasmtime/cranelift+jit",
            "wasmtime/cranelift+pooling",
            "wasmtime/cranelift+pooling+keep-resident",
            "wasmtime/cranelift+static",
            "wasmtime/winch",
            "wasmtime/winch+jit",
        ]),
        "a target is missing: build its runner with `bench setup wasmtime wasmtime-static`"
    );
    assert_eq!(exercised.len(), cases.len() * (6 + 2 + 3 + 4 + 3 + 6 + 3));
}
