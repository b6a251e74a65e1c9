//! Engines that compile.

use wasmer::BackendKind;
#[cfg(feature = "llvm")]
use wasmer::sys::LLVM;
use wasmer::sys::{CompilerConfig, EngineBuilder, Features};
#[cfg(feature = "compilers")]
use wasmer::sys::{Cranelift, Singlepass};

/// Which of Wasmer's compilers makes the machine code; those that this build carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiler {
    /// The optimising one, the default of the wasmer crate.
    #[cfg(feature = "compilers")]
    Cranelift,
    /// The baseline one: one pass, fast to compile, slower code, no SIMD.
    #[cfg(feature = "compilers")]
    Singlepass,
    /// The one that takes longest, for the fastest code.
    #[cfg(feature = "llvm")]
    Llvm,
}

/// What departs from a compiler's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    /// Nothing.
    Default,
    /// Artefacts are ELF files that are mapped, which the crate calls experimental and leaves off.
    Mapped,
    /// Accesses to memory that LLVM may merge, move and leave out, and tables that nothing writes to
    /// taken as constant: off by default, for the first is "not 100% spec compliant".
    NonVolatile,
}

impl Compiler {
    /// Every one that this build carries.
    pub const ALL: &[Compiler] = &[
        #[cfg(feature = "compilers")]
        Compiler::Cranelift,
        #[cfg(feature = "compilers")]
        Compiler::Singlepass,
        #[cfg(feature = "llvm")]
        Compiler::Llvm,
    ];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "compilers")]
            Compiler::Cranelift => "cranelift",
            #[cfg(feature = "compilers")]
            Compiler::Singlepass => "singlepass",
            #[cfg(feature = "llvm")]
            Compiler::Llvm => "llvm",
        }
    }

    /// What the crate calls it.
    pub fn backend(self) -> BackendKind {
        match self {
            #[cfg(feature = "compilers")]
            Compiler::Cranelift => BackendKind::Cranelift,
            #[cfg(feature = "compilers")]
            Compiler::Singlepass => BackendKind::Singlepass,
            #[cfg(feature = "llvm")]
            Compiler::Llvm => BackendKind::LLVM,
        }
    }

    fn defaults(self) -> Box<dyn CompilerConfig> {
        match self {
            #[cfg(feature = "compilers")]
            Compiler::Cranelift => Box::new(Cranelift::new()),
            #[cfg(feature = "compilers")]
            Compiler::Singlepass => Box::new(Singlepass::new()),
            #[cfg(feature = "llvm")]
            Compiler::Llvm => Box::new(LLVM::new()),
        }
    }
}

/// An engine with the compiler's defaults, but for what the settings say.
pub fn engine(compiler: Compiler, settings: Settings) -> wasmer::Engine {
    let mut config = compiler.defaults();
    match settings {
        Settings::Default => {}
        Settings::Mapped => config.experimental_artifact(true),
        Settings::NonVolatile => {
            config.enable_non_volatile_memops();
            config.enable_readonly_funcref_table();
        }
    }
    EngineBuilder::new(config).engine().into()
}

/// An engine with the compiler's defaults and these features of WebAssembly.
pub fn with_features(compiler: Compiler, features: Features) -> wasmer::Engine {
    let builder = EngineBuilder::new(compiler.defaults());
    builder.set_features(Some(features)).engine().into()
}
