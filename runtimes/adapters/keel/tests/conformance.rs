//! The adapter keeps the protocol, and every workload gives its expected output on every target.
//!
//! The loader is found where `bench setup keel-static` leaves it (runtimes/targets.toml says how).

use std::path::Path;

use plimsoll_adapter::conformance;

#[test]
fn every_workload_is_verified_on_every_step_of_every_target() {
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-keel")),
        |_| true,
        &[("keel", 8), ("keel+jit", 3), ("keel+static", 2)],
    );
}
