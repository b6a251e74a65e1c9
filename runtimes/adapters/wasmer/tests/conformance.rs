//! Protocol tests, and the output of every workload on every target.
//!
//! Uses the runner beside the adapter, built by `cargo build --release --workspace`.

use std::path::Path;

use plimsoll_adapter::conformance;

#[test]
fn every_workload_is_verified_on_every_step_of_every_target() {
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-wasmer")),
        |_| true,
        &[
            ("wasmer/cranelift", 8),
            ("wasmer/cranelift+mapped", 3),
            ("wasmer/cranelift+jit", 3),
            ("wasmer/singlepass", 8),
            ("wasmer/singlepass+jit", 3),
        ],
    );
}
