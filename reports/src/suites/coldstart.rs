//! The suite `coldstart`: time to start an instance, by boundary.

pub(crate) mod ranking;
pub(crate) mod sections;
pub(crate) mod sentences;
pub(crate) mod summary;
