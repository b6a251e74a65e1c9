//! Engines that compile.

use wasmer::sys::{Cranelift, Singlepass};

/// Which of Wasmer's compilers makes the machine code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiler {
    /// The optimising one, the default of the wasmer crate.
    Cranelift,
    /// The baseline one: one pass, fast to compile, slower code, no SIMD.
    Singlepass,
}

/// The format of the artefacts that an engine makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artefact {
    /// The default.
    Default,
    /// An ELF file that is mapped, which the crate calls experimental and leaves off.
    Experimental,
}

/// An engine with the compiler's defaults, but for the format of artefacts.
pub fn engine(compiler: Compiler, artefact: Artefact) -> wasmer::Engine {
    let experimental = artefact == Artefact::Experimental;
    match compiler {
        Compiler::Cranelift => {
            let mut cranelift = Cranelift::new();
            cranelift.experimental_artifact(experimental);
            cranelift.into()
        }
        Compiler::Singlepass => {
            let mut singlepass = Singlepass::new();
            singlepass.experimental_artifact(experimental);
            singlepass.into()
        }
    }
}
