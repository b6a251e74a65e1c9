//! The suites that ask for behaviour instead of measuring time.

pub mod conformance;
pub mod sandbox;
