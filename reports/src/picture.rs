//! Charts, drawn by plotters through our own backend, which writes SVG with classes that the page's style sheet
//! colours; text uses the page's fonts. Every chart has a title and a description.
//!
//! # Layout
//!
//! - [`canvas`]: lines, dots and text on an SVG, each with a [`Pen`](canvas::Pen)
//! - `svg`: the backend
//! - [`scale`]: axes and their ticks
//! - [`mark`]: shapes that distinguish boundaries and targets without colour
//! - [`ladder`]: one workload's boundaries on one time axis, one row per target
//! - [`dots`]: one figure with its interval per target
//! - [`distribution`]: boxes and dots, one row per target
//! - [`ecdf`]: cumulative shares, one curve per target
//! - [`load`]: latency by rate or percentile, one curve per target and way of serving
//! - [`bars`]: ratios, one bar per target
//! - [`shares`]: shares of test results, one bar per target

pub(crate) mod bars;
pub(crate) mod canvas;
pub(crate) mod distribution;
pub(crate) mod dots;
pub(crate) mod ecdf;
pub(crate) mod ladder;
pub(crate) mod load;
pub(crate) mod mark;
pub(crate) mod scale;
pub(crate) mod shares;
mod svg;
