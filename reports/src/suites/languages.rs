//! The suite `languages`: one task in several languages.

pub(crate) mod sentences;
