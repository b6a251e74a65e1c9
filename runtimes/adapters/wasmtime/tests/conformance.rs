//! Protocol tests, and the output of every workload on every target.
//!
//! Uses the runners in their build directories; `bench setup wasmtime wasmtime-static` builds the second (see
//! runtimes/targets.toml).

use std::path::Path;

use plimsoll_adapter::conformance;

#[test]
fn every_workload_is_verified_on_every_step_of_every_target() {
    conformance::assert_every_workload(
        Path::new(env!("CARGO_BIN_EXE_adapter-wasmtime")),
        |_| true,
        &[
            ("wasmtime/cranelift", 8),
            ("wasmtime/cranelift+pooling", 5),
            ("wasmtime/cranelift+pooling+keep-resident", 6),
            ("wasmtime/cranelift+no-cow", 5),
            ("wasmtime/cranelift+jit", 3),
            ("wasmtime/cranelift+cached", 1),
            ("wasmtime/winch", 8),
            ("wasmtime/winch+jit", 3),
            ("wasmtime/pulley", 7),
            ("wasmtime/cranelift+static", 2),
        ],
    );
}
