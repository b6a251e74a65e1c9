//! How long until an instance runs, boundary by boundary.

pub(crate) mod ranking;
pub(crate) mod sections;
pub(crate) mod sentences;
pub(crate) mod summary;
