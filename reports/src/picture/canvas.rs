//! Lines, dots and text on an SVG.

use std::cell::RefCell;
use std::fmt::Write;

use plimsoll_record::Boundary;
use plimsoll_record::run::TargetKind;
use plotters::coord::Shift;
use plotters::prelude::{
    Circle, DrawingArea, IntoDrawingArea, PathElement, Polygon, RGBColor, Rectangle, SVGBackend,
    ShapeStyle, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, TextStyle};

/// A point in pixels from the upper left.
pub(crate) type Point = (i32, i32);

/// What something is drawn as. The page's style sheet says in which colour, for light and dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pen {
    /// What is read first.
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

    /// The colour that stands for the pen in what plotters draws, until [`finish`] replaces it.
    fn stand_in(self) -> RGBColor {
        let (group, which) = match self {
            Pen::Ink => (1, 0),
            Pen::Muted => (1, 1),
            Pen::Grid => (1, 2),
            Pen::Paper => (1, 3),
            Pen::Box => (1, 4),
            Pen::Boundary(boundary) => (2, boundary as u8),
            Pen::Kind(kind) => (3, kind as u8),
            Pen::Curve(n) => (4, (n % CURVES) as u8),
        };
        RGBColor(group, which, 0)
    }

    fn standing_in(colour: &str) -> Option<Self> {
        let group = u8::from_str_radix(colour.get(1..3)?, 16).ok()?;
        let which = usize::from_str_radix(colour.get(3..5)?, 16).ok()?;
        let kinds = [TargetKind::Native, TargetKind::Wasm, TargetKind::Container];
        Some(match (group, which) {
            (1, 0) => Pen::Ink,
            (1, 1) => Pen::Muted,
            (1, 2) => Pen::Grid,
            (1, 3) => Pen::Paper,
            (1, 4) => Pen::Box,
            (2, n) => Pen::Boundary(*Boundary::LADDER.get(n)?),
            (3, n) => Pen::Kind(*kinds.get(n)?),
            (4, n) => Pen::Curve(n),
            _ => return None,
        })
    }
}

/// Where a text stands beside its point.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG being drawn.
pub(crate) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    groups: RefCell<Vec<String>>,
}

/// Colour group of what stands for the start of the n-th group, and for the end of one.
const GROUP: u8 = 9;
const GROUP_END: u8 = 8;
/// Colour group of what stands for a mark.
const MARK: u8 = 10;

/// A mark that the page defines once and every picture refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Of a boundary.
    Boundary(Boundary),
    /// Of the n-th curve; from [`mark::LOOKS`](super::mark::LOOKS) on they come round again.
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

    fn stand_in(self) -> RGBColor {
        match self {
            Mark::Boundary(boundary) => RGBColor(MARK, 0, boundary as u8),
            Mark::Curve(n) => RGBColor(MARK, 1, (n % super::mark::LOOKS) as u8),
        }
    }

    fn standing_in(colour: &str) -> Option<Self> {
        let part = |at: usize| u8::from_str_radix(colour.get(at..at + 2)?, 16).ok();
        match (part(1)?, part(3)?, usize::from(part(5)?)) {
            (MARK, 0, n) => Some(Mark::Boundary(*Boundary::LADDER.get(n)?)),
            (MARK, 1, n) => Some(Mark::Curve(n)),
            _ => None,
        }
    }
}

impl Canvas<'_> {
    /// What belongs to one target: the page can hide it by its name.
    pub(crate) fn group(&self, target: &str, draw: impl FnOnce()) {
        let n = self.groups.borrow().len();
        self.groups.borrow_mut().push(target.to_owned());
        let mark = |red, green, blue| {
            let style = RGBColor(red, green, blue).filled();
            drawn(self.area.draw(&Rectangle::new([(0, 0), (0, 0)], style)));
        };
        mark(GROUP, (n / 256) as u8, (n % 256) as u8);
        draw();
        mark(GROUP_END, 0, 0);
    }

    /// A mark with its middle at a point.
    pub(crate) fn mark(&self, at: Point, mark: Mark) {
        let style = mark.stand_in().filled();
        drawn(self.area.draw(&Rectangle::new([at, at], style)));
    }

    pub(crate) fn line(&self, from: Point, to: Point, pen: Pen, width: u32) {
        self.path(vec![from, to], pen, width);
    }

    pub(crate) fn path(&self, points: Vec<Point>, pen: Pen, width: u32) {
        drawn(
            self.area
                .draw(&PathElement::new(points, stroked(pen, width))),
        );
    }

    pub(crate) fn filled_box(&self, corners: [Point; 2], pen: Pen) {
        drawn(self.area.draw(&Rectangle::new(corners, filled(pen))));
    }

    pub(crate) fn dot(&self, at: Point, radius: u32, pen: Pen) {
        drawn(self.area.draw(&Circle::new(at, radius, filled(pen))));
    }

    pub(crate) fn polygon(&self, points: Vec<Point>, pen: Pen) {
        drawn(self.area.draw(&Polygon::new(points, filled(pen))));
    }

    /// Text in the page's font, 12 pixels high; `at` is at half its height.
    pub(crate) fn text(&self, at: Point, text: &str, pen: Pen, anchor: Anchor) {
        let side = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let colour = pen.stand_in();
        let style = TextStyle::from(("sans-serif", 12).into_font())
            .color(&colour)
            .pos(Pos::new(side, VPos::Center));
        drawn(self.area.draw(&Text::new(text.to_owned(), at, style)));
    }
}

fn stroked(pen: Pen, width: u32) -> ShapeStyle {
    pen.stand_in().stroke_width(width)
}

fn filled(pen: Pen) -> ShapeStyle {
    pen.stand_in().filled()
}

fn drawn<E: std::error::Error + Send + Sync>(
    result: Result<(), plotters::drawing::DrawingAreaErrorKind<E>>,
) {
    if let Err(error) = result {
        unreachable!("an SVG in memory takes whatever is drawn: {error}");
    }
}

/// What a picture is called and what it shows, for those who do not see it.
#[derive(Debug)]
pub(crate) struct Caption {
    /// Unique in the page; letters, digits and dashes.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
}

/// Draws a picture of the given size in pixels and returns it as an `<svg>` element.
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

/// Draws the elements of a picture without the `<svg>` around them: with classes for colours, and
/// nothing said that the page says.
pub(crate) fn fragment(size: (u32, u32), draw: impl FnOnce(&Canvas<'_>)) -> String {
    let mut raw = String::new();
    let groups = {
        let canvas = Canvas {
            area: SVGBackend::with_string(&mut raw, size).into_drawing_area(),
            groups: RefCell::default(),
        };
        draw(&canvas);
        drawn(canvas.area.present());
        canvas.groups.take()
    };
    let mut svg = String::with_capacity(raw.len() / 2);
    let mut dots = Dots::default();
    // The first line opens plotters' own <svg>, the last one closes it.
    for line in raw.lines().skip(1).filter(|line| *line != "</svg>") {
        if let Some(dot) = Dot::of(line) {
            dots.add(&dot, &mut svg);
            continue;
        }
        dots.close(&mut svg);
        if let Some(tag) = group(line, &groups).or_else(|| placed(line)) {
            svg.push_str(&tag);
            continue;
        }
        if line.starts_with('<') && !line.starts_with("</") {
            svg.push_str(&element(line));
        } else {
            svg.push_str(line.trim_end());
        }
    }
    dots.close(&mut svg);
    svg
}

/// The tag that a line stands for which marks where a group starts or ends.
fn group(line: &str, groups: &[String]) -> Option<String> {
    let rect = line.strip_prefix("<rect")?;
    let (_, colour) = attributes(rect).find(|(name, _)| *name == "fill")?;
    let part = |at: usize| usize::from_str_radix(colour.get(at..at + 2)?, 16).ok();
    match u8::try_from(part(1)?).ok()? {
        GROUP => {
            let name = groups.get(part(3)? * 256 + part(5)?)?;
            Some(format!(
                "<g data-t=\"{}\">",
                escape(name).replace('"', "&quot;")
            ))
        }
        GROUP_END => Some("</g>".to_owned()),
        _ => None,
    }
}

/// The reference that a line stands for which says where a mark is.
fn placed(line: &str) -> Option<String> {
    let rect = line.strip_prefix("<rect")?;
    let get = |wanted: &str| attributes(rect).find(|(n, _)| *n == wanted).map(|(_, v)| v);
    let mark = Mark::standing_in(get("fill")?)?;
    let (x, y) = (get("x")?, get("y")?);
    Some(format!(
        "<use href=\"#{}\" x=\"{x}\" y=\"{y}\"/>",
        mark.id()
    ))
}

/// The points of a long line as a path of steps from one to the next: half the size.
fn steps(points: &str) -> Option<String> {
    let points: Vec<(i32, i32)> = points
        .split_ascii_whitespace()
        .map(|point| {
            let (x, y) = point.split_once(',')?;
            Some((x.parse().ok()?, y.parse().ok()?))
        })
        .collect::<Option<_>>()?;
    let (first, _) = points.split_first().filter(|_| points.len() > 3)?;
    let mut path = format!("M{} {}", first.0, first.1);
    for pair in points.windows(2) {
        let (x, y) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        let _ = match (x, y) {
            (0, 0) => Ok(()),
            (0, y) => write!(path, "v{y}"),
            (x, 0) => write!(path, "h{x}"),
            (x, y) if y < 0 => write!(path, "l{x}{y}"),
            (x, y) => write!(path, "l{x} {y}"),
        };
    }
    Some(path)
}

/// One element's line with only the attributes that say something.
fn element(line: &str) -> String {
    let Some(at) = line.find([' ', '>']) else {
        return line.to_owned();
    };
    let line_of_points = attributes(&line[at..]).find(|(name, _)| *name == "points");
    let path = line_of_points
        .filter(|_| line.starts_with("<polyline"))
        .and_then(|(_, points)| steps(points));
    let mut text = match &path {
        Some(path) => format!("<path d=\"{path}\""),
        None => line[..at].to_owned(),
    };
    let empty = line.trim_end().ends_with("/>");
    let mut classes = Vec::new();
    for (name, value) in attributes(&line[at..]) {
        match (name, value) {
            ("opacity" | "font-family" | "font-size", _) | ("stroke", "none") => {}
            ("stroke-width", "1") => {}
            ("fill", "none") => {}
            ("fill" | "stroke", colour) => {
                if let Some(pen) = Pen::standing_in(colour) {
                    classes.push(format!("{}-{}", &name[..1], pen.class()));
                }
            }
            ("dy", "0.5ex") => text.push_str(" dy=\".36em\""),
            ("text-anchor", "start") => {}
            ("points", _) if path.is_some() => {}
            ("points", points) => {
                let _ = write!(text, " points=\"{}\"", points.trim_end());
            }
            _ => {
                let _ = write!(text, " {name}=\"{value}\"");
            }
        }
    }
    if !classes.is_empty() {
        let _ = write!(text, " class=\"{}\"", classes.join(" "));
    }
    text.push_str(if empty { "/>" } else { ">" });
    text
}

fn attributes(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, after) = rest.split_once("=\"")?;
        let (value, next) = after.split_once('"')?;
        rest = next;
        Some((name.trim(), value))
    })
}

/// A circle as plotters writes it.
struct Dot<'a> {
    x: &'a str,
    y: &'a str,
    radius: &'a str,
    pen: Pen,
}

impl<'a> Dot<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let line = line.strip_prefix("<circle")?;
        let get = |wanted: &str| attributes(line).find(|(n, _)| *n == wanted).map(|(_, v)| v);
        Some(Self {
            x: get("cx")?,
            y: get("cy")?,
            radius: get("r")?,
            pen: Pen::standing_in(get("fill")?)?,
        })
    }
}

/// Dots of one pen, one after the other, as one path of points with round caps: a tenth of the
/// size of as many circles.
#[derive(Default)]
struct Dots {
    open: Option<(Pen, String)>,
}

impl Dots {
    fn add(&mut self, dot: &Dot<'_>, svg: &mut String) {
        let here = Some((dot.pen, dot.radius.to_owned()));
        if self.open != here {
            self.close(svg);
            let width = 2 * dot.radius.parse::<u32>().unwrap_or(1);
            let class = dot.pen.class();
            let dot = if width <= 4 { "dot crowd" } else { "dot" };
            let _ = write!(
                svg,
                "<path class=\"{dot} s-{class}\" stroke-width=\"{width}\" d=\""
            );
            self.open = here;
        }
        let _ = write!(svg, "M{} {}h0", dot.x, dot.y);
    }

    fn close(&mut self, svg: &mut String) {
        if self.open.take().is_some() {
            svg.push_str("\"/>");
        }
    }
}

/// Text as it may stand in an element.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // Control characters have no place in XML.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_a_path_through_the_same_points() {
        assert_eq!(steps("1,2 3,4 5,6"), None, "a short one stays as it is");
        let path = steps("10,20 10,15 18,15 20,9 22,12 22,12 ");
        assert_eq!(path.as_deref(), Some("M10 20v-5h8l2-6l2 3"));
    }

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
}
