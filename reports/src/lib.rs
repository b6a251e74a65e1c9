//! Generates reports from recorded runs: one offline HTML file, Markdown, JSON or CSV.
//!
//! Everything is computed from the raw samples by `plimsoll-analysis`, so a report can be regenerated later and on
//! other machines. This crate names no engine: targets come from the run's own ledger.
//!
//! # Layout
//!
//! - [`claims`]: comparison with published claims
//! - [`cost`]: money per million requests and per idle month
//! - [`facts`]: an analysed run, prepared for the page and Markdown
//! - [`machines`]: results over several machines
//! - [`suites`]: the text of each suite: sentences, first screen, sections, Markdown
//! - [`page`]: the HTML report
//! - [`picture`]: its charts, drawn with plotters
//! - [`markdown`]: the report as Markdown
//! - [`data`]: JSON and CSV, for programs
//! - [`quantity`]: formats durations, sizes and ratios
//! - [`shell`]: formats command lines
//! - `text`: shared by the text formats

pub mod claims;
pub mod cost;

mod data;
mod facts;
pub mod machines;
mod markdown;
mod page;
mod picture;
pub mod quantity;
pub mod shell;
mod suites;
mod text;

pub use data::{csv, json};
pub use markdown::markdown;
pub use page::{SiteFile, html, site};
pub use suites::brief;
pub use suites::conformance::markdown::badge;
