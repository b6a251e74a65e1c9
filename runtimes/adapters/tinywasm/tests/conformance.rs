//! Protocol tests, and the output of workloads on every step. Workloads that take seconds in an interpreter are left to
//! `bench`.

use std::path::Path;

use plimsoll_adapter::conformance;

/// Workloads that are fast and write output, which first-output steps need.
const LIGHT: [&str; 3] = ["hello", "hello-rust", "handler"];

#[test]
fn workloads_are_verified_on_every_step() {
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-tinywasm")),
        |workload| LIGHT.contains(&workload),
        &[("tinywasm", 7)],
    );
}
