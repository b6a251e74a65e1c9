//! A recorded run in, a report out: one offline HTML file, Markdown, JSON or CSV.
//!
//! Everything is computed here from the raw samples by `plimsoll-analysis`, so a report can be
//! made again, later and elsewhere. No engine is named in this crate: a target is a row of the
//! run's own ledger.
//!
//! # Layout
//!
//! - [`claims`]: what has been published, held against it
//! - [`facts`]: what a run says, worked out once for every kind of report
//! - [`headline`]: the sentences and rankings of the summary
//! - [`page`]: the HTML report
//! - [`picture`]: its pictures, drawn by plotters
//! - [`markdown`]: the report as Markdown
//! - [`capability`]: what a guest can and cannot do, as Markdown
//! - [`conformance`]: what passes of the specification's tests, as Markdown and as badges
//! - [`data`]: JSON and CSV, for programs
//! - [`quantity`]: how a duration, a size, a ratio is written
//! - [`shell`]: how a command line is written

mod capability;
pub mod claims;
mod conformance;
mod data;
mod facts;
mod headline;
mod markdown;
mod page;
mod picture;
pub mod quantity;
mod shell;

pub use conformance::badge;
pub use data::{csv, json};
pub use markdown::markdown;
pub use page::html;
