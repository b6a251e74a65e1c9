//! How many of the specification's tests pass.

pub(crate) mod markdown;
pub(crate) mod sections;
pub(crate) mod sentences;
