//! The suite `throughput`: execution time of the guest's own code.

pub(crate) mod sections;
pub(crate) mod sentences;
