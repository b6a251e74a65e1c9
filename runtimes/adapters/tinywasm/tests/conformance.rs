//! The adapter keeps the protocol, and workloads give their expected output on every step. Those
//! that compute for seconds when they are interpreted are left to `bench`.

use std::path::Path;

use plimsoll_adapter::conformance;

/// Those that do not, and write something: only then is there a first output.
const LIGHT: [&str; 3] = ["hello", "hello-rust", "handler"];

#[test]
fn workloads_are_verified_on_every_step() {
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-tinywasm")),
        |workload| LIGHT.contains(&workload),
        &[("tinywasm", 7)],
    );
}
