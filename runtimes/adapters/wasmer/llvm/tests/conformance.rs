//! Protocol tests, and the output of every workload on every target.
//!
//! Uses the runners that `bench setup wasmer-llvm` installs beside the adapter.

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
