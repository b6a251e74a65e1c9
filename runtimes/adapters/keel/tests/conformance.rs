//! The adapter keeps the protocol, and every workload gives its expected output on every target.
//!
//! The loader is found where `bench setup keel-static` leaves it (runtimes/targets.toml says how).

use std::collections::BTreeSet;
use std::path::Path;

use plimsoll_adapter::conformance::{self, Went};

#[test]
fn every_workload_is_verified_on_every_step_of_every_target() {
    let adapter = Path::new(env!("CARGO_BIN_EXE_adapter-keel"));
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
    let all = BTreeSet::from(["keel", "keel+jit", "keel+static"]);
    assert_eq!(
        targets, all,
        "`bench setup keel keel-static` builds what is missing"
    );
    assert_eq!(exercised.len(), cases.len() * (6 + 3 + 2));
}
