//! The shapes that tell boundaries and targets apart without colour.

use plimsoll_record::Boundary;

use super::canvas::{Canvas, Pen, Point};

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

/// The mark of a boundary.
pub(crate) fn boundary(canvas: &Canvas<'_>, at: Point, boundary: Boundary) {
    draw(canvas, at, 6, boundary as usize, Pen::Paper);
    draw(canvas, at, 5, boundary as usize, Pen::Boundary(boundary));
}

/// The mark of the n-th target's curve: where colours come round again, shapes are others.
pub(crate) fn curve(canvas: &Canvas<'_>, at: Point, n: usize) {
    let shape = n + 3 * (n / (SHAPES.len() + 1));
    draw(canvas, at, 6, shape, Pen::Paper);
    draw(canvas, at, 5, shape, Pen::Curve(n));
}
