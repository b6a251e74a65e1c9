//! The adapter keeps the protocol, and every workload gives its expected output on every target.
//!
//! The runner is found beside the adapter, where `cargo build --release --workspace` leaves it.

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
