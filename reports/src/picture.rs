//! Pictures: plotters draws them as SVG, and what it draws is made fit for this report: colours
//! become classes that the page's colour scheme fills in, text is left to the page's fonts, and
//! every picture has a title and a description.
//!
//! # Layout
//!
//! - [`canvas`]: lines, dots, text on an SVG, each in a [`Pen`](canvas::Pen)
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
pub(crate) mod scale;
pub(crate) mod shares;
