//! One task in several languages.

pub(crate) mod sentences;
