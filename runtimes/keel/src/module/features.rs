//! The WebAssembly proposals that modules may use.

use std::fmt;

/// A WebAssembly proposal, standardised or not, that an engine can reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Feature {
    /// Mutable globals as imports and exports. Part of 1.0 as published.
    MutableGlobals,
    /// Conversions to integers that do not trap. This and those up to vectors are part of 2.0.
    SaturatingConversions,
    /// The `i32.extend8_s` family.
    SignExtension,
    /// Blocks and functions with more than one result, and blocks with parameters.
    MultiValue,
    /// `externref`, several tables, and the operators on them.
    ReferenceTypes,
    /// Passive segments, and operators that fill, copy or initialise a range.
    BulkMemory,
    /// 128-bit vectors.
    Simd,
    /// Vector operators with results that depend on the CPU. This and those up to garbage
    /// collection are part of 3.0.
    RelaxedSimd,
    /// The `return_call` family.
    TailCalls,
    /// Arithmetic in constant expressions.
    ExtendedConst,
    /// More than one memory.
    MultiMemory,
    /// Memories and tables with 64-bit indices.
    Memory64,
    /// Tags, `throw`, `throw_ref` and `try_table`.
    Exceptions,
    /// References to functions of a known type, and non-null references.
    FunctionReferences,
    /// Garbage-collected structures, arrays and 31-bit integers.
    Gc,
    /// Shared memories, and atomic operators.
    Threads,
    /// Memories with pages of one byte.
    CustomPageSizes,
    /// Addition and multiplication with 128-bit results.
    WideArithmetic,
}

/// All features, in order of their numbers, with their names in messages and options.
const ALL: [(Feature, &str); 18] = [
    (Feature::MutableGlobals, "mutable-global"),
    (
        Feature::SaturatingConversions,
        "nontrapping-float-to-int-conversions",
    ),
    (Feature::SignExtension, "sign-extension-ops"),
    (Feature::MultiValue, "multi-value"),
    (Feature::ReferenceTypes, "reference-types"),
    (Feature::BulkMemory, "bulk-memory"),
    (Feature::Simd, "simd"),
    (Feature::RelaxedSimd, "relaxed-simd"),
    (Feature::TailCalls, "tail-call"),
    (Feature::ExtendedConst, "extended-const"),
    (Feature::MultiMemory, "multi-memory"),
    (Feature::Memory64, "memory64"),
    (Feature::Exceptions, "exception-handling"),
    (Feature::FunctionReferences, "function-references"),
    (Feature::Gc, "gc"),
    (Feature::Threads, "threads"),
    (Feature::CustomPageSizes, "custom-page-sizes"),
    (Feature::WideArithmetic, "wide-arithmetic"),
];

/// Features that keel does not support. No set contains them.
const LACKING: &[Feature] = &[];

impl Feature {
    /// All features, whether keel supports them or not.
    pub fn all() -> impl Iterator<Item = Feature> {
        ALL.iter().map(|(feature, _)| *feature)
    }

    /// The name of the proposal's repository, without its owner.
    pub fn name(self) -> &'static str {
        ALL[self as usize].1
    }

    /// The feature with this proposal name, as in [`Feature::name`].
    pub fn from_name(name: &str) -> Option<Feature> {
        ALL.iter()
            .find(|(_, known)| *known == name)
            .map(|(feature, _)| *feature)
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The set of proposals that modules may use.
///
/// ```
/// use keel::{Config, Engine, Feature, Features, Module};
///
/// let features = Features::default().without(Feature::Simd);
/// let engine = Engine::new(Config::new().features(features));
/// let wasm = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7b"; // A function type with a vector.
/// let error = Module::new(&engine, wasm).err().expect("vectors are off");
/// assert!(error.to_string().contains("simd"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Features(u32);

impl Default for Features {
    /// All that keel supports.
    fn default() -> Features {
        Feature::all().fold(Features(0), Features::with)
    }
}

impl Features {
    /// The features of WebAssembly 1.0.
    pub const fn wasm1() -> Features {
        Features(1)
    }

    /// The features of WebAssembly 2.0.
    pub const fn wasm2() -> Features {
        Features((1 << (Feature::Simd as u8 + 1)) - 1)
    }

    /// The features of WebAssembly 3.0, as far as keel supports them.
    pub fn wasm3() -> Features {
        Feature::all()
            .take_while(|feature| *feature <= Feature::Gc)
            .fold(Features(0), Features::with)
    }

    /// Adds a feature and those that it builds on. A feature that keel does not support stays off.
    pub fn with(self, feature: Feature) -> Features {
        if LACKING.contains(&feature) {
            return self;
        }
        let with = Features(self.0 | 1 << feature as u8);
        match feature {
            Feature::Gc => with.with(Feature::FunctionReferences),
            _ => with,
        }
    }

    /// Removes a feature and those that build on it.
    pub fn without(self, feature: Feature) -> Features {
        let without = Features(self.0 & !(1 << feature as u8));
        match feature {
            Feature::FunctionReferences => without.without(Feature::Gc),
            _ => without,
        }
    }

    /// Whether modules may use a feature.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u8 != 0
    }

    /// The features of the set, in order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::all().filter(move |feature| self.has(*feature))
    }
}

#[cfg(feature = "compiler")]
mod compiling {
    use wasmparser::{Validator, WasmFeatures};

    use super::{ALL, Feature, Features, LACKING};
    use crate::error::Error;

    /// Features that the validator supports and keel does not, with the names of the proposals.
    const REFUSED: [(WasmFeatures, &str); 10] = [
        (
            WasmFeatures::LEGACY_EXCEPTIONS,
            "legacy exceptions (`try`, `catch`, `rethrow`)",
        ),
        (
            WasmFeatures::SHARED_EVERYTHING_THREADS,
            "shared-everything-threads",
        ),
        (WasmFeatures::STACK_SWITCHING, "stack-switching"),
        (WasmFeatures::MEMORY_CONTROL, "memory-control"),
        (WasmFeatures::CUSTOM_DESCRIPTORS, "custom-descriptors"),
        (WasmFeatures::COMPACT_IMPORTS, "compact-import-section"),
        (
            WasmFeatures::ACQUIRE_RELEASE_ATOMICS,
            "acquire-release-atomics",
        ),
        (
            WasmFeatures::MULTIBYTE_ARRAY_ACCESS,
            "multibyte-array-access",
        ),
        (WasmFeatures::COMPONENT_MODEL, "components"),
        (WasmFeatures::CM_ASYNC, "asynchronous components"),
    ];

    impl Feature {
        fn validated(self) -> WasmFeatures {
            match self {
                Feature::MutableGlobals => WasmFeatures::MUTABLE_GLOBAL,
                Feature::SaturatingConversions => WasmFeatures::SATURATING_FLOAT_TO_INT,
                Feature::SignExtension => WasmFeatures::SIGN_EXTENSION,
                Feature::MultiValue => WasmFeatures::MULTI_VALUE,
                Feature::ReferenceTypes => WasmFeatures::REFERENCE_TYPES,
                Feature::BulkMemory => WasmFeatures::BULK_MEMORY,
                Feature::Simd => WasmFeatures::SIMD,
                Feature::RelaxedSimd => WasmFeatures::RELAXED_SIMD,
                Feature::TailCalls => WasmFeatures::TAIL_CALL,
                Feature::ExtendedConst => WasmFeatures::EXTENDED_CONST,
                Feature::MultiMemory => WasmFeatures::MULTI_MEMORY,
                Feature::Memory64 => WasmFeatures::MEMORY64,
                Feature::Exceptions => WasmFeatures::EXCEPTIONS,
                Feature::FunctionReferences => WasmFeatures::FUNCTION_REFERENCES,
                Feature::Gc => WasmFeatures::GC,
                Feature::Threads => WasmFeatures::THREADS,
                Feature::CustomPageSizes => WasmFeatures::CUSTOM_PAGE_SIZES,
                Feature::WideArithmetic => WasmFeatures::WIDE_ARITHMETIC,
            }
        }
    }

    impl Features {
        /// The validator's form of the set.
        pub(crate) fn validated(self) -> WasmFeatures {
            self.iter()
                .fold(WasmFeatures::MVP, |all, feature| all | feature.validated())
        }

        /// Replaces the validator's error if the module is valid with features that are off: the
        /// new error names those. An invalid module keeps its error.
        pub(crate) fn explain(self, error: Error, wasm: &[u8]) -> Error {
            if !matches!(error, Error::Invalid { .. }) {
                return error;
            }
            let valid = |features| {
                Validator::new_with_features(features)
                    .validate_all(wasm)
                    .is_ok()
            };
            let mut needed = REFUSED
                .iter()
                .fold(WasmFeatures::MVP, |all, (one, _)| all | *one);
            needed |= Feature::all().fold(needed, |all, one| all | one.validated());
            if !valid(needed) {
                return error;
            }
            let (mut lacking, mut off) = (Vec::new(), Vec::new());
            let mut keep = |one: WasmFeatures| {
                let without = needed.difference(one);
                let needs = !valid(without);
                if !needs {
                    needed = without;
                }
                needs
            };
            for (one, name) in REFUSED {
                if keep(one) {
                    lacking.push(name);
                }
            }
            // Removes unneeded features, latest first. A module that uses the common part of two
            // proposals is then reported to need the earlier one.
            for (feature, _) in ALL.iter().rev().filter(|(one, _)| !self.has(*one)) {
                if keep(feature.validated()) {
                    match LACKING.contains(feature) {
                        true => lacking.push(feature.name()),
                        false => off.push(feature.name()),
                    }
                }
            }
            match (&lacking[..], &off[..]) {
                ([], []) => error,
                ([], off) => Error::FeatureOff(off.join(", ")),
                (lacking, _) => Error::Unsupported(lacking.join(", ")),
            }
        }
    }
}
