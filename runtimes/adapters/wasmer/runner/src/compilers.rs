//! Engines with a compiler.

use wasmer::BackendKind;
#[cfg(feature = "llvm")]
use wasmer::sys::LLVM;
use wasmer::sys::{CompilerConfig, EngineBuilder, Features};
#[cfg(feature = "compilers")]
use wasmer::sys::{Cranelift, Singlepass};

/// Wasmer's compilers in this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiler {
    /// The optimising compiler, the default of the wasmer crate.
    #[cfg(feature = "compilers")]
    Cranelift,
    /// The baseline compiler: a single fast pass, slower code, no SIMD.
    #[cfg(feature = "compilers")]
    Singlepass,
    /// The slowest compiler, with the fastest code.
    #[cfg(feature = "llvm")]
    Llvm,
}

/// Differences from a compiler's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    /// No differences.
    Default,
    /// Artefacts are memory-mapped ELF files, which the crate considers experimental and disables by default.
    Mapped,
    /// Lets LLVM merge, move and remove memory accesses, and treats tables that are never written as constant. Off by
    /// default, because the first is "not 100% spec compliant".
    NonVolatile,
}

impl Compiler {
    /// All compilers in this build.
    pub const ALL: &[Compiler] = &[
        #[cfg(feature = "compilers")]
        Compiler::Cranelift,
        #[cfg(feature = "compilers")]
        Compiler::Singlepass,
        #[cfg(feature = "llvm")]
        Compiler::Llvm,
    ];

    /// Name on a command line.
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

    /// The crate's name for it.
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

/// An engine with the compiler's defaults, changed by `settings`.
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

/// An engine with the compiler's defaults and these WebAssembly features.
pub fn with_features(compiler: Compiler, features: Features) -> wasmer::Engine {
    let builder = EngineBuilder::new(compiler.defaults());
    builder.set_features(Some(features)).engine().into()
}
