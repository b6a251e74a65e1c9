//! What keel claims of the specification, and how it is set for a script.

use keel::wast::Specification;
use keel::{Config, Engine, Language};
use plimsoll_adapter::record::Proposal;

/// What keel has.
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
    // Of the text format alone.
    Proposal::Annotations,
];

/// What goes beyond 2.0; keel has a switch for all of it.
const EXTENDED: &[Proposal] = &[
    Proposal::RelaxedSimd,
    Proposal::TailCall,
    Proposal::ExtendedConst,
    Proposal::MultiMemory,
];

/// An engine and a store for one script.
pub(crate) fn specification(
    features: &[Proposal],
) -> Result<Specification, plimsoll_adapter::Error> {
    let language = match features.iter().any(|one| EXTENDED.contains(one)) {
        true => Language::Extended,
        false => Language::Wasm2,
    };
    let engine = Engine::new(Config::new().language(language));
    Specification::new(&engine)
        .map_err(|error| plimsoll_adapter::Error::failed("defining spectest", error))
}
