//! The suites that test behaviour instead of measuring time.

pub mod conformance;
pub mod sandbox;
