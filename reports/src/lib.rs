//! A recorded run in, a report out: one offline HTML file, Markdown, JSON or CSV.
//!
//! Everything is computed here from the raw samples by `plimsoll-analysis`, so a report can be
//! made again, later and elsewhere. No engine is named in this crate: a target is a row of the
//! run's own ledger.
//!
//! # Layout
//!
//! - [`data`]: JSON and CSV, for programs
//! - [`quantity`]: how a duration, a size, a ratio is written

pub mod data;
pub mod quantity;

pub use data::{csv, json};
