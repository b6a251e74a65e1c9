//! The suite `serve`: servers under load.

pub(crate) mod histograms;
pub(crate) mod sections;
pub(crate) mod sentences;
