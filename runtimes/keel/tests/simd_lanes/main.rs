//! Compares vector operators with the same arithmetic in plain Rust, lane by lane.
//!
//! The specification's tests have a few thousand cases. These tests put every pair of bytes through
//! every operator on bytes, and every pair of a few dozen notable numbers through the others. An
//! operator is named by its opcode after the prefix 0xfd, from the specification's appendix A.7.

#![cfg(feature = "compiler")]

mod convert;
mod float;
mod integer;
mod lane;
mod memory;
mod operator;
mod relaxed;
mod select;
