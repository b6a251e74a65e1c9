//! The shapes that tell boundaries and targets apart without colour.

use super::canvas::{Canvas, Mark, Pen, Point};

/// Outlines in units of a mark's half width, clockwise.
const SHAPES: [&[(f64, f64)]; 6] = [
    // diamond
    &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
    // triangle
    &[(0.0, -1.15), (1.15, 0.95), (-1.15, 0.95)],
    // square
    &[(-0.95, -0.95), (0.95, -0.95), (0.95, 0.95), (-0.95, 0.95)],
    // triangle on its head
    &[(-1.15, -0.95), (1.15, -0.95), (0.0, 1.15)],
    // plus
    &[
        (-0.45, -1.2),
        (0.45, -1.2),
        (0.45, -0.45),
        (1.2, -0.45),
        (1.2, 0.45),
        (0.45, 0.45),
        (0.45, 1.2),
        (-0.45, 1.2),
        (-0.45, 0.45),
        (-1.2, 0.45),
        (-1.2, -0.45),
        (-0.45, -0.45),
    ],
    // hourglass on its side
    &[
        (-1.2, -1.0),
        (0.0, -0.3),
        (1.2, -1.0),
        (1.2, 1.0),
        (0.0, 0.3),
        (-1.2, 1.0),
    ],
];

/// Draws the n-th mark, about twice `half` pixels wide.
fn draw(canvas: &Canvas<'_>, at: Point, half: i32, n: usize, pen: Pen) {
    match n % (SHAPES.len() + 1) {
        0 => canvas.dot(at, half as u32, pen),
        shape => {
            let outline = SHAPES[shape - 1].iter().map(|(x, y)| {
                let pixel = |share: f64| (share * f64::from(half)).round() as i32;
                (at.0 + pixel(*x), at.1 + pixel(*y))
            });
            canvas.polygon(outline.collect(), pen);
        }
    }
}

/// How many marks of curves there are: every pair of a colour and a shape.
pub(crate) const LOOKS: usize = COLOURS * (SHAPES.len() + 1);
/// Colours of curves.
const COLOURS: usize = 7;

/// Draws what [`Mark`] refers to.
pub(crate) fn draw_mark(canvas: &Canvas<'_>, at: Point, mark: Mark) {
    let (shape, pen) = match mark {
        Mark::Boundary(boundary) => (boundary as usize, Pen::Boundary(boundary)),
        Mark::Curve(n) => {
            let n = n % LOOKS;
            // Where colours come round again, shapes are others.
            (n % COLOURS + 3 * (n / COLOURS), Pen::Curve(n))
        }
    };
    draw(canvas, at, 6, shape, Pen::Paper);
    draw(canvas, at, 5, shape, pen);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::canvas::fragment;
    use super::*;

    #[test]
    fn no_two_curves_have_the_same_mark() {
        let looks = |n| {
            let drawn = fragment((20, 20), |canvas| {
                draw_mark(canvas, (10, 10), Mark::Curve(n));
            });
            // Dashes are of lines: a mark has one of the seven colours.
            let colour = format!("c{}\"", n % super::super::canvas::CURVES);
            drawn.replace(&colour, &format!("c{}\"", n % COLOURS))
        };
        let all: BTreeSet<String> = (0..LOOKS).map(looks).collect();
        assert_eq!(all.len(), LOOKS);
    }
}
