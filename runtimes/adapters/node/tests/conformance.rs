//! Protocol tests, and the output of workloads on every target.

use std::path::Path;
use std::process::{Command, Stdio};

use plimsoll_adapter::conformance;

#[test]
fn workloads_are_verified_on_every_step_of_every_target() {
    let node = Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !node.is_ok_and(|status| status.success()) {
        // CI has everything that tests need, so a skip there would hide a failure.
        assert!(std::env::var_os("CI").is_none(), "no node is on PATH");
        eprintln!("SKIPPED: no node is on PATH; scripts/install-tools node");
        return;
    }
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-node")),
        |workload| ["hello", "json", "handler"].contains(&workload),
        &[("node/v8", 2), ("node/v8+no-liftoff", 2)],
    );
}
