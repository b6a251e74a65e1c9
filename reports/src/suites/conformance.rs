//! The suite `conformance`: passed tests of the specification.

pub(crate) mod markdown;
pub(crate) mod scripts;
pub(crate) mod sections;
pub(crate) mod sentences;
