//! Vector operators against the same arithmetic in plain Rust, lane by lane.
//!
//! The specification's suites hold some thousand cases; here every pair of bytes goes through every
//! operator on bytes, and every pair of a few dozen telling numbers through the others. An operator
//! is named by its opcode behind the prefix 0xfd, from the specification's appendix A.7.

#![cfg(feature = "compiler")]

mod convert;
mod float;
mod integer;
mod lane;
mod memory;
mod operator;
mod relaxed;
mod select;
