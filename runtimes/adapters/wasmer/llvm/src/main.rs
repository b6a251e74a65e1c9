//! Adapter for Wasmer with LLVM.
//!
//! A separate program, because LLVM takes some megabytes of every process that links it. Artefacts are loaded by a
//! headless engine, and processes use the same runner as those of the other compilers.

use adapter_wasmer::{Code, Target, about};
use wasmer_runner::{Compiler, Settings};

/// All targets, in the order of runtimes/targets.toml.
const ALL: &[Target] = &[
    Target {
        id: "wasmer/llvm",
        compiler: Compiler::Llvm,
        settings: Settings::Default,
        code: Code::AheadOfTime,
    },
    Target {
        id: "wasmer/llvm+non-volatile",
        compiler: Compiler::Llvm,
        settings: Settings::NonVolatile,
        code: Code::AheadOfTime,
    },
    Target {
        id: "wasmer/llvm+jit",
        compiler: Compiler::Llvm,
        settings: Settings::Default,
        code: Code::AtStart,
    },
];

plimsoll_adapter::in_process_main!(
    about(concat!("adapter-wasmer-llvm ", env!("CARGO_PKG_VERSION"))),
    ALL,
    http
);

#[cfg(test)]
mod tests {
    use plimsoll_adapter::conformance;

    use super::*;

    #[test]
    fn the_targets_are_those_of_the_table_in_its_order() {
        let table = include_str!("../../../../targets.toml");
        conformance::assert_in_order(table, ALL.iter().map(|target| target.id));
    }
}
