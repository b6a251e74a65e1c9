//! The suite `sandbox`: what a guest can and cannot do.

pub(crate) mod markdown;
pub(crate) mod sections;
