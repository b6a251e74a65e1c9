//! The protocol between `bench` and an adapter, and the kit every adapter is made of.
//!
//! An adapter is a program that drives one engine. `bench` starts it as a child process and
//! talks newline-delimited JSON over its stdin and stdout; the types are in [`protocol`].
//!
//! # Layout
//!
//! - [`protocol`]: every message, both ways

pub mod protocol;
