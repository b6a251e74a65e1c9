//! What things are drawn as, and where.

use plimsoll_record::Boundary;
use plimsoll_record::run::TargetKind;

/// A point in pixels from the upper left.
pub(crate) type Point = (i32, i32);

/// What something is drawn as. The page's style sheet says in which colour, for light and dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Pen {
    /// What is read first.
    #[default]
    Ink,
    /// What is read second: axes' figures.
    Muted,
    /// What is not read: grid lines.
    Grid,
    /// The body of a box.
    Box,
    /// The background, to set one thing off from another.
    Paper,
    /// A boundary of the ladder.
    Boundary(Boundary),
    /// A kind of target.
    Kind(TargetKind),
    /// The curve of the n-th target.
    Curve(usize),
}

/// How many curves are drawn differently; their marks tell more of them apart.
pub(crate) const CURVES: usize = 14;

impl Pen {
    /// The class that the style sheet knows the pen by, after `f-` (filled) or `s-` (stroked).
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

/// Shapes of marks: a circle, and the outlines of [`mark`](super::mark).
pub(super) const SHAPES: usize = 7;
/// Colours of curves' marks.
pub(super) const COLOURS: usize = 7;
/// How many marks of curves there are: every pair of a colour and a shape.
pub(crate) const LOOKS: usize = COLOURS * SHAPES;

/// A mark that the page defines once and every picture refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Of a boundary.
    Boundary(Boundary),
    /// Of the n-th curve; from [`LOOKS`] on they come round again.
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
