//! How long the guest's own code takes.

pub(crate) mod sections;
pub(crate) mod sentences;
