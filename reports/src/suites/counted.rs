//! Suites with counted rows: density, memory, size, languages.

pub(crate) mod density;
pub(crate) mod sections;
pub(crate) mod sentences;
