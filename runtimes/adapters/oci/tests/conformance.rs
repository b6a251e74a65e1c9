//! Protocol tests, and the output of workloads on every available target.

use std::path::Path;

use plimsoll_adapter::conformance::{self, Went};
use plimsoll_adapter::record::Step;

#[test]
fn workloads_are_verified_from_nothing_and_from_a_copied_bundle_on_every_runtime_that_is_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../workloads");
    let mut cases = conformance::workloads(&root).expect("the workloads");
    cases.retain(|case| ["hello", "json"].contains(&case.workload.id.as_str()));
    let folder = tempfile::tempdir().expect("a temporary folder");

    let adapter = Path::new(env!("CARGO_BIN_EXE_adapter-oci"));
    let target = adapter.ancestors().nth(2).expect("TARGET/release/NAME");
    for case in &mut cases {
        let native = target
            .join("workloads/native")
            .join(case.workload.id.as_str());
        assert!(
            native.is_file(),
            "{}: scripts/build-workloads --native",
            native.display()
        );
        case.workload.native = Some(native);
    }
    let exercised = conformance::check(adapter, &cases, folder.path())
        .unwrap_or_else(|violations| panic!("{violations}"));

    let verified = |target: &str| {
        let of = exercised.iter().filter(|one| one.target.as_str() == target);
        of.filter(|one| matches!(one.went, Went::Verified(_)))
            .count()
    };
    // Two workloads, each from a bundle and from a copied bundle. youki's engine gets no input folder, which one of the
    // two needs.
    for (target, count, remedy) in [
        ("oci/embedded", 2 * 2, "a kernel with namespaces"),
        ("oci/runc", 2 * 2, "scripts/install-tools runc, as root"),
        (
            "oci/crun+host-net",
            2 * 2,
            "scripts/install-tools crun, as root",
        ),
        ("oci/youki", 2 * 2, "bench setup youki, as root"),
        ("oci/youki+wasm", 2, "bench setup youki, as root"),
    ] {
        if exercised.iter().any(|one| one.target.as_str() == target) {
            assert_eq!(verified(target), count, "{target}: {exercised:?}");
        } else {
            // CI has everything that tests need except youki, so a skip there would hide a failure.
            let why = format!("{target} cannot run here; {remedy}");
            let youki = target.starts_with("oci/youki");
            assert!(youki || std::env::var_os("CI").is_none(), "{why}");
            eprintln!("SKIPPED: {why}");
        }
    }
    // `bench` does this step itself, and the adapter reports it as unsupported.
    assert!(exercised.iter().all(|one| {
        !matches!(one.step, Some(Step::Peak)) || matches!(one.went, Went::Unsupported(_))
    }));
}
