//! The proposals that keel claims to support, and its configuration for scripts.

use keel::wast::Specification;
use keel::{Config, Engine, Feature, Features};
use plimsoll_adapter::record::Proposal;

/// Proposals that keel supports.
pub(crate) const CLAIMS: &[Proposal] = &[
    Proposal::MutableGlobal,
    Proposal::SaturatingFloatToInt,
    Proposal::SignExtension,
    Proposal::MultiValue,
    Proposal::ReferenceTypes,
    Proposal::BulkMemory,
    Proposal::Simd,
    Proposal::RelaxedSimd,
    Proposal::TailCall,
    Proposal::ExtendedConst,
    Proposal::MultiMemory,
    Proposal::Memory64,
    Proposal::FunctionReferences,
    Proposal::Exceptions,
    Proposal::Gc,
    Proposal::Threads,
    Proposal::CustomPageSizes,
    Proposal::WideArithmetic,
    // Text format only.
    Proposal::Annotations,
];

/// keel's name for a proposal beyond version 2.0.
fn feature(proposal: Proposal) -> Option<Feature> {
    Some(match proposal {
        Proposal::RelaxedSimd => Feature::RelaxedSimd,
        Proposal::TailCall => Feature::TailCalls,
        Proposal::ExtendedConst => Feature::ExtendedConst,
        Proposal::MultiMemory => Feature::MultiMemory,
        Proposal::Memory64 => Feature::Memory64,
        Proposal::FunctionReferences => Feature::FunctionReferences,
        Proposal::Exceptions => Feature::Exceptions,
        Proposal::Gc => Feature::Gc,
        Proposal::Threads => Feature::Threads,
        Proposal::CustomPageSizes => Feature::CustomPageSizes,
        Proposal::WideArithmetic => Feature::WideArithmetic,
        _ => return None,
    })
}

/// An engine and a store for one script.
pub(crate) fn specification(
    features: &[Proposal],
) -> Result<Specification, plimsoll_adapter::Error> {
    let features = features
        .iter()
        .filter_map(|one| feature(*one))
        .fold(Features::wasm2(), Features::with);
    let engine = Engine::new(Config::new().features(features));
    Specification::new(&engine)
        .map_err(|error| plimsoll_adapter::Error::failed("defining spectest", error))
}
