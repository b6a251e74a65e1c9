//! Pictures: plotters draws them through a backend of ours that writes SVG with classes, which the
//! page's style sheet colours; text is left to the page's fonts. Every picture has a title and a
//! description.
//!
//! # Layout
//!
//! - [`canvas`]: lines, dots, text on an SVG, each in a [`Pen`](pen::Pen)
//! - [`pen`]: what things are drawn as
//! - `svg`: the backend
//! - [`scale`]: the logarithmic axis and its ticks
//! - [`mark`]: the shapes that tell boundaries and targets apart without colour
//! - [`ladder`]: one workload's boundaries on one time axis, a line a target
//! - [`dots`]: one figure a target with its interval, a line a target
//! - [`distribution`]: boxes and dots, a line a target
//! - [`ecdf`]: cumulative shares, a curve a target
//! - [`load`]: latency over rate or percentile, a curve a target and way of serving
//! - [`bars`]: ratios, a bar a target
//! - [`shares`]: what became of so many questions, a bar a target

pub(crate) mod bars;
pub(crate) mod canvas;
pub(crate) mod distribution;
pub(crate) mod dots;
pub(crate) mod ecdf;
pub(crate) mod ladder;
pub(crate) mod load;
pub(crate) mod mark;
pub(crate) mod pen;
pub(crate) mod scale;
pub(crate) mod shares;
mod svg;
