//! A plotters backend that writes SVG with classes, which the page's style sheet colours.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write;

use plotters_backend::text_anchor::HPos;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};

use super::canvas::{Pen, Point};

/// The drawing so far, shared by a canvas and its backend.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    svg: String,
    /// Pen of the next element, because plotters' own styles only support colours.
    pub(super) pen: Pen,
    /// Subtracted from every point. Plotters clamps negative coordinates, so drawings around the origin are made with
    /// an offset.
    origin: Point,
    /// The current crowd of dots.
    crowd: Option<(Pen, u32)>,
}

impl Sheet {
    /// A sheet on which the point `origin` is written as 0, 0.
    pub(super) fn around(origin: Point) -> Self {
        Self {
            origin,
            ..Self::default()
        }
    }

    /// The complete drawing as SVG elements.
    pub(super) fn into_svg(mut self) -> String {
        self.close_crowd();
        self.svg
    }

    fn place(&self, (x, y): Point) -> Point {
        (x - self.origin.0, y - self.origin.1)
    }

    /// Appends an element or tag unchanged.
    pub(super) fn push(&mut self, text: &str) {
        self.close_crowd();
        self.svg.push_str(text);
    }

    /// Consecutive small dots with one pen become one path of points with round caps, which takes a tenth of the size
    /// of circles.
    pub(super) fn dot_of_crowd(&mut self, at: Point, radius: u32) {
        let here = Some((self.pen, radius));
        if self.crowd != here {
            self.close_crowd();
            let (class, width) = (self.pen.class(), 2 * radius);
            let _ = write!(
                self.svg,
                "<path class=\"dot crowd s-{class}\" stroke-width=\"{width}\" d=\""
            );
            self.crowd = here;
        }
        let (x, y) = self.place(at);
        let _ = write!(self.svg, "M{x} {y}h0");
    }

    fn close_crowd(&mut self) {
        if self.crowd.take().is_some() {
            self.svg.push_str("\"/>");
        }
    }

    fn line(&mut self, points: &[Point], width: u32) {
        let points: Vec<Point> = points.iter().map(|point| self.place(*point)).collect();
        let class = self.pen.class();
        let width = match width {
            1 => String::new(),
            width => format!(" stroke-width=\"{width}\""),
        };
        let path = steps(&points);
        self.push(&format!("<path class=\"s-{class}\"{width} d=\"{path}\"/>"));
    }
}

/// Writes the output of plotters to a sheet.
pub(super) struct SvgBackend<'s> {
    pub(super) sheet: &'s RefCell<Sheet>,
    pub(super) size: (u32, u32),
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for SvgBackend<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        self.draw_rect(point, (point.0 + 1, point.1 + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let mut sheet = self.sheet.borrow_mut();
        let (x, y) = sheet.place(upper_left);
        let wide = bottom_right.0 - upper_left.0;
        let high = bottom_right.1 - upper_left.1;
        let look = look(sheet.pen, style, fill);
        sheet.push(&format!(
            "<rect {look} x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\"/>"
        ));
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let points: Vec<Point> = path.into_iter().collect();
        self.sheet.borrow_mut().line(&points, style.stroke_width());
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let mut sheet = self.sheet.borrow_mut();
        let (x, y) = sheet.place(center);
        let look = look(sheet.pen, style, fill);
        sheet.push(&format!(
            "<circle {look} cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>"
        ));
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vert: I,
        _style: &S,
    ) -> Drawn {
        let mut sheet = self.sheet.borrow_mut();
        let points: Vec<Point> = vert.into_iter().map(|point| sheet.place(point)).collect();
        let (class, path) = (sheet.pen.class(), steps(&points));
        sheet.push(&format!("<path class=\"f-{class}\" d=\"{path}z\"/>"));
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &T,
        pos: BackendCoord,
    ) -> Drawn {
        let mut sheet = self.sheet.borrow_mut();
        let (x, y) = sheet.place(pos);
        let anchor = match style.anchor().h_pos {
            HPos::Left => "",
            HPos::Center => " text-anchor=\"middle\"",
            HPos::Right => " text-anchor=\"end\"",
        };
        let (class, text) = (sheet.pen.class(), escape(text));
        sheet.push(&format!(
            "<text class=\"f-{class}\" x=\"{x}\" y=\"{y}\" dy=\".36em\"{anchor}>{text}</text>"
        ));
        Ok(())
    }
}

fn look(pen: Pen, style: &impl BackendStyle, fill: bool) -> String {
    let class = pen.class();
    match (fill, style.stroke_width()) {
        (true, _) => format!("class=\"f-{class}\""),
        (false, 1) => format!("class=\"s-{class}\""),
        (false, width) => format!("class=\"s-{class}\" stroke-width=\"{width}\""),
    }
}

/// A polyline as a path of relative steps, which takes half the size of absolute points.
fn steps(points: &[Point]) -> String {
    let Some(first) = points.first() else {
        return String::new();
    };
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
    path
}

/// Escapes text for an element.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            // XML forbids control characters.
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
    fn a_line_is_a_path_through_its_points() {
        let points = [(10, 20), (10, 15), (18, 15), (20, 9), (22, 12), (22, 12)];
        assert_eq!(steps(&points), "M10 20v-5h8l2-6l2 3");
    }
}
