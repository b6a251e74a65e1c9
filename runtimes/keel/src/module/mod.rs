//! Modules: decoded, validated, compiled, ready to be instantiated.

#[cfg(feature = "compiler")]
pub(crate) mod info;
pub(crate) mod layout;
#[cfg(feature = "compiler")]
pub(crate) mod parse;
