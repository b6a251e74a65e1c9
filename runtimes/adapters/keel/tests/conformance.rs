//! Protocol tests, and the output of every workload on every target.
//!
//! Uses the loader built by `bench setup keel-static` (see runtimes/targets.toml).

use std::path::Path;

use plimsoll_adapter::conformance;

#[test]
fn every_workload_is_verified_on_every_step_of_every_target() {
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-keel")),
        |_| true,
        &[
            ("keel", 8),
            ("keel+jit", 3),
            ("keel+cached", 3),
            ("keel+static", 2),
        ],
    );
}
