//! A recorded run in, a report out: one offline HTML file, Markdown, JSON or CSV.
//!
//! Everything is computed here from the raw samples by `plimsoll-analysis`, so a report can be
//! made again, later and elsewhere. No engine is named in this crate: a target is a row of the
//! run's own ledger.
//!
//! # Layout
//!
//! - [`claims`]: what has been published, compared with it
//! - [`facts`]: an analysed run as page and Markdown look at it
//! - [`machines`]: what several machines say together
//! - [`suites`]: what is said of each suite: sentences, first screen, sections, Markdown
//! - [`page`]: the HTML report
//! - [`picture`]: its pictures, drawn by plotters
//! - [`markdown`]: the report as Markdown
//! - [`data`]: JSON and CSV, for programs
//! - [`quantity`]: how a duration, a size, a ratio is written
//! - [`shell`]: how a command line is written

pub mod claims;

mod data;
mod facts;
pub mod machines;
mod markdown;
mod page;
mod picture;
pub mod quantity;
mod shell;
mod suites;

pub use data::{csv, json};
pub use markdown::markdown;
pub use page::html;
pub use suites::brief;
pub use suites::conformance::markdown::badge;
