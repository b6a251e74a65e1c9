//! Adapter for Wasmer with Cranelift and Singlepass.

use adapter_wasmer::{Code, Target, about};
use wasmer_runner::{Compiler, Settings};

/// All targets, in the order of runtimes/targets.toml.
const ALL: &[Target] = &[
    Target {
        id: "wasmer/cranelift",
        compiler: Compiler::Cranelift,
        settings: Settings::Default,
        code: Code::AheadOfTime,
    },
    Target {
        id: "wasmer/cranelift+mapped",
        compiler: Compiler::Cranelift,
        settings: Settings::Mapped,
        code: Code::AheadOfTime,
    },
    Target {
        id: "wasmer/cranelift+jit",
        compiler: Compiler::Cranelift,
        settings: Settings::Default,
        code: Code::AtStart,
    },
    Target {
        id: "wasmer/singlepass",
        compiler: Compiler::Singlepass,
        settings: Settings::Default,
        code: Code::AheadOfTime,
    },
    Target {
        id: "wasmer/singlepass+jit",
        compiler: Compiler::Singlepass,
        settings: Settings::Default,
        code: Code::AtStart,
    },
];

plimsoll_adapter::in_process_main!(
    about(concat!("adapter-wasmer ", env!("CARGO_PKG_VERSION"))),
    ALL,
    http
);

#[cfg(test)]
mod tests {
    use plimsoll_adapter::conformance;

    use super::*;

    #[test]
    fn the_targets_are_those_of_the_table_in_its_order() {
        let table = include_str!("../../../targets.toml");
        conformance::assert_in_order(table, ALL.iter().map(|target| target.id));
    }
}
