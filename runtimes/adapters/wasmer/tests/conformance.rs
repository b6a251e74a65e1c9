//! The adapter keeps the protocol, and every workload gives its expected output on every target.
//!
//! The runner is found beside the adapter, where `cargo build --release --workspace` leaves it.

use std::collections::BTreeSet;
use std::path::Path;

use plimsoll_adapter::conformance::{self, Went};

#[test]
fn every_workload_is_verified_on_every_step_of_every_target() {
    let adapter = Path::new(env!("CARGO_BIN_EXE_adapter-wasmer"));
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
            "wasmer/cranelift",
            "wasmer/cranelift+jit",
            "wasmer/cranelift+mapped",
            "wasmer/singlepass",
            "wasmer/singlepass+jit",
        ]),
        "a target is missing: build its runner with `bench setup wasmer`"
    );
    assert_eq!(exercised.len(), cases.len() * (6 + 3 + 3 + 6 + 3));
}
