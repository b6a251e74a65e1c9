//! Protocol tests, and the output of workloads on every step. Workloads that take seconds in an interpreter are left to
//! `bench`.

use std::path::Path;

use plimsoll_adapter::conformance;

/// Workloads that are fast in an interpreter.
const LIGHT: [&str; 4] = ["empty", "hello", "hello-rust", "handler"];

#[test]
fn workloads_are_verified_on_every_step() {
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-wasmi")),
        |workload| LIGHT.contains(&workload),
        &[("wasmi", 7)],
    );
}
