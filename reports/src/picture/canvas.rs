//! Lines, dots, marks and text on an SVG.

use std::cell::RefCell;

use plimsoll_record::Boundary;
use plimsoll_record::run::TargetKind;
use plotters::coord::Shift;
use plotters::prelude::{
    Circle, Color, DrawingArea, IntoDrawingArea, PathElement, Polygon, Rectangle, ShapeStyle, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, IntoFont, TextStyle};

use super::svg::{Sheet, SvgBackend, escape};

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

/// Position of a text relative to its point.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A mark that the page defines once and all charts reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The mark of a boundary.
    Boundary(Boundary),
    /// The mark of the n-th curve; marks repeat from [`mark::LOOKS`](super::mark::LOOKS) on.
    Curve(usize),
}

impl Mark {
    /// The id of its definition.
    pub(crate) fn id(self) -> String {
        match self {
            Mark::Boundary(boundary) => format!("m-{}", boundary.name().to_lowercase()),
            Mark::Curve(n) => format!("m-c{}", n % super::mark::LOOKS),
        }
    }
}

/// Dots up to this radius are drawn as part of a crowd.
const CROWD: u32 = 2;

/// An SVG under construction.
pub(crate) struct Canvas<'s> {
    area: DrawingArea<SvgBackend<'s>, Shift>,
    sheet: &'s RefCell<Sheet>,
}

impl Canvas<'_> {
    /// Groups one target's elements, so that the page can hide them by name.
    pub(crate) fn group(&self, target: &str, draw: impl FnOnce()) {
        let tag = format!("<g data-t=\"{}\">", escape(target));
        self.sheet.borrow_mut().push(&tag);
        draw();
        self.sheet.borrow_mut().push("</g>");
    }

    /// Draws a mark centred on a point.
    pub(crate) fn mark(&self, (x, y): Point, mark: Mark) {
        let id = mark.id();
        let tag = format!("<use href=\"#{id}\" x=\"{x}\" y=\"{y}\"/>");
        self.sheet.borrow_mut().push(&tag);
    }

    pub(crate) fn line(&self, from: Point, to: Point, pen: Pen, width: u32) {
        self.path(vec![from, to], pen, width);
    }

    pub(crate) fn path(&self, points: Vec<Point>, pen: Pen, width: u32) {
        self.take(pen);
        let style = BLACK.stroke_width(width);
        drawn(self.area.draw(&PathElement::new(points, style)));
    }

    pub(crate) fn filled_box(&self, corners: [Point; 2], pen: Pen) {
        self.take(pen);
        drawn(self.area.draw(&Rectangle::new(corners, filled())));
    }

    pub(crate) fn dot(&self, at: Point, radius: u32, pen: Pen) {
        self.take(pen);
        match radius <= CROWD {
            true => self.sheet.borrow_mut().dot_of_crowd(at, radius),
            false => drawn(self.area.draw(&Circle::new(at, radius, filled()))),
        }
    }

    pub(crate) fn polygon(&self, points: Vec<Point>, pen: Pen) {
        self.take(pen);
        drawn(self.area.draw(&Polygon::new(points, filled())));
    }

    /// Draws text in the page's font, 12 pixels high and vertically centred on `at`.
    pub(crate) fn text(&self, at: Point, text: &str, pen: Pen, anchor: Anchor) {
        let side = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        self.take(pen);
        let style = TextStyle::from(("sans-serif", 12).into_font());
        let style = style.pos(Pos::new(side, VPos::Center));
        drawn(self.area.draw(&Text::new(text.to_owned(), at, style)));
    }

    fn take(&self, pen: Pen) {
        self.sheet.borrow_mut().pen = pen;
    }
}

/// The colour is irrelevant: the pen determines it.
fn filled() -> ShapeStyle {
    BLACK.filled()
}

fn drawn<E: std::error::Error + Send + Sync>(
    result: Result<(), plotters::drawing::DrawingAreaErrorKind<E>>,
) {
    if let Err(error) = result {
        unreachable!("an SVG in memory takes whatever is drawn: {error}");
    }
}

/// A chart's title and description, for readers who cannot see it.
#[derive(Debug)]
pub(crate) struct Caption {
    /// Unique on the page; letters, digits and dashes.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
}

/// Draws a chart of this size in pixels and returns it as an `<svg>` element.
pub(crate) fn picture(
    size: (u32, u32),
    caption: &Caption,
    draw: impl FnOnce(&Canvas<'_>),
) -> String {
    let Caption {
        id,
        title,
        description,
    } = caption;
    let (width, height) = size;
    format!(
        "<svg role=\"img\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>\
         {}</svg>",
        escape(title),
        escape(description),
        fragment(size, draw)
    )
}

/// Draws elements without the surrounding `<svg>`; colours are classes.
pub(crate) fn fragment(size: (u32, u32), draw: impl FnOnce(&Canvas<'_>)) -> String {
    on(Sheet::default(), size, draw)
}

/// Draws elements centred on the origin, which is at `middle` while drawing.
pub(crate) fn around(middle: Point, size: (u32, u32), draw: impl FnOnce(&Canvas<'_>)) -> String {
    on(Sheet::around(middle), size, draw)
}

fn on(sheet: Sheet, size: (u32, u32), draw: impl FnOnce(&Canvas<'_>)) -> String {
    let sheet = RefCell::new(sheet);
    {
        let backend = SvgBackend {
            sheet: &sheet,
            size,
        };
        draw(&Canvas {
            area: backend.into_drawing_area(),
            sheet: &sheet,
        });
    }
    sheet.into_inner().into_svg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_reference_to_its_definition() {
        let drawn = fragment((10, 10), |canvas| {
            canvas.mark((3, 4), Mark::Boundary(Boundary::L3));
            canvas.mark((5, 6), Mark::Curve(super::super::mark::LOOKS + 2));
        });
        assert_eq!(
            drawn,
            "<use href=\"#m-l3\" x=\"3\" y=\"4\"/><use href=\"#m-c2\" x=\"5\" y=\"6\"/>"
        );
    }

    #[test]
    fn small_dots_of_one_pen_are_one_path() {
        let drawn = fragment((20, 20), |canvas| {
            for x in [3, 5] {
                canvas.dot((x, 4), 1, Pen::Ink);
            }
            canvas.dot((9, 9), 5, Pen::Ink);
        });
        assert_eq!(
            drawn,
            "<path class=\"dot crowd s-ink\" stroke-width=\"2\" d=\"M3 4h0M5 4h0\"/>\
             <circle class=\"f-ink\" cx=\"9\" cy=\"9\" r=\"5\"/>"
        );
    }
}
