//! Colours, marks and points of drawings.

use plimsoll_record::Boundary;
use plimsoll_record::run::TargetKind;

/// A point in pixels from the upper left.
pub(crate) type Point = (i32, i32);

/// Semantic colour of a drawing. The page's style sheet maps it to a colour, for light and dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Pen {
    /// Primary content.
    #[default]
    Ink,
    /// Secondary content, such as axis labels.
    Muted,
    /// Grid lines.
    Grid,
    /// Bodies of boxes.
    Box,
    /// Background, to separate overlapping elements.
    Paper,
    /// A boundary of the ladder.
    Boundary(Boundary),
    /// A kind of target.
    Kind(TargetKind),
    /// The n-th target's curve.
    Curve(usize),
}

/// Number of distinct curve styles; marks distinguish more curves.
pub(crate) const CURVES: usize = 14;

impl Pen {
    /// The pen's class in the style sheet, after `f-` (filled) or `s-` (stroked).
    pub(crate) fn class(self) -> String {
        match self {
            Pen::Ink => "ink".to_owned(),
            Pen::Muted => "muted".to_owned(),
            Pen::Grid => "grid".to_owned(),
            Pen::Paper => "paper".to_owned(),
            Pen::Box => "box".to_owned(),
            Pen::Boundary(boundary) => boundary.name().to_lowercase(),
            Pen::Kind(TargetKind::Native) => "native".to_owned(),
            Pen::Kind(TargetKind::Wasm) => "wasm".to_owned(),
            Pen::Kind(TargetKind::Container) => "container".to_owned(),
            Pen::Curve(n) => format!("c{}", n % CURVES),
        }
    }
}

/// Number of curve shapes: a dot and the first outlines of [`mark`](super::mark).
pub(super) const OF_CURVES: usize = 7;
/// Number of curve colours.
pub(super) const COLOURS: usize = 7;
/// Number of distinct curve marks: all combinations of colour and shape.
pub(crate) const LOOKS: usize = COLOURS * OF_CURVES;

/// A mark that the page defines once and all charts reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The mark of a boundary.
    Boundary(Boundary),
    /// The mark of the n-th curve; marks repeat from [`LOOKS`] on.
    Curve(usize),
}

impl Mark {
    /// The id of its definition.
    pub(crate) fn id(self) -> String {
        match self {
            Mark::Boundary(boundary) => format!("m-{}", boundary.name().to_lowercase()),
            Mark::Curve(n) => format!("m-c{}", n % LOOKS),
        }
    }
}
