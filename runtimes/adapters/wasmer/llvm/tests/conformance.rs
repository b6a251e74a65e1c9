//! The adapter keeps the protocol, and every workload gives its expected output on every target.
//!
//! The runners are found beside the adapter, where `bench setup wasmer-llvm` leaves them.

use std::path::Path;

use plimsoll_adapter::conformance;

#[test]
fn every_workload_is_verified_on_every_step_of_every_target() {
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-wasmer-llvm")),
        |_| true,
        &[
            ("wasmer/llvm", 8),
            ("wasmer/llvm+non-volatile", 7),
            ("wasmer/llvm+jit", 3),
        ],
    );
}
