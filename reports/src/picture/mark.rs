//! Shapes that distinguish boundaries and targets without colour.

use super::canvas::{Canvas, Mark, Pen, Point, around, fragment};

/// Half the width and height of every mark in pixels, without its rim.
pub(crate) const HALF: i32 = 5;
/// Width of the rim in pixels.
const RIM: i32 = 1;

/// Outlines in tenths of a mark's half width, clockwise. Each reaches 10 on all four sides, so that all marks are
/// centred and of equal size.
const SHAPES: [&[Point]; 8] = [
    // diamond
    &[(0, -10), (10, 0), (0, 10), (-10, 0)],
    // triangle
    &[(0, -10), (10, 10), (-10, 10)],
    // square
    &[(-10, -10), (10, -10), (10, 10), (-10, 10)],
    // inverted triangle
    &[(-10, -10), (10, -10), (0, 10)],
    // plus
    &[
        (-4, -10),
        (4, -10),
        (4, -4),
        (10, -4),
        (10, 4),
        (4, 4),
        (4, 10),
        (-4, 10),
        (-4, 4),
        (-10, 4),
        (-10, -4),
        (-4, -4),
    ],
    // horizontal hourglass
    &[(-10, -10), (0, -2), (10, -10), (10, 10), (0, 2), (-10, 10)],
    // triangle pointing right
    &[(-10, -10), (10, 0), (-10, 10)],
    // hourglass
    &[(-10, -10), (10, -10), (2, 0), (10, 10), (-10, 10), (-2, 0)],
];
/// Number of curve shapes: a dot and the first of these.
const OF_CURVES: usize = 7;

/// Draws the n-th shape, extending `half` pixels to all four sides.
fn shape(canvas: &Canvas<'_>, at: Point, half: i32, n: usize, pen: Pen) {
    match n {
        0 => canvas.dot(at, half as u32, pen),
        shape => {
            let pixel = |tenths: i32| (f64::from(tenths * half) / 10.0).round() as i32;
            let outline = SHAPES[shape - 1].iter();
            let outline = outline.map(|(x, y)| (at.0 + pixel(*x), at.1 + pixel(*y)));
            canvas.polygon(outline.collect(), pen);
        }
    }
}

/// Number of distinct curve marks: all combinations of colour and shape.
pub(crate) const LOOKS: usize = COLOURS * OF_CURVES;
/// Number of curve colours.
const COLOURS: usize = 7;

fn draw(canvas: &Canvas<'_>, at: Point, mark: Mark) {
    let (n, pen) = match mark {
        Mark::Boundary(boundary) => (boundary as usize, Pen::Boundary(boundary)),
        Mark::Curve(n) => {
            let n = n % LOOKS;
            // When colours repeat, shapes differ.
            let n_shape = n % COLOURS + 3 * (n / COLOURS);
            (n_shape % OF_CURVES, Pen::Curve(n))
        }
    };
    shape(canvas, at, HALF + RIM, n, Pen::Paper);
    shape(canvas, at, HALF, n, pen);
}

/// The definition of a mark, drawn around the origin so that references are centred.
pub(crate) fn definition(mark: Mark) -> String {
    let middle = (HALF + RIM, HALF + RIM);
    let size = (2 * (HALF + RIM) + 1) as u32;
    around(middle, (size, size), |canvas| draw(canvas, middle, mark))
}

/// Size of a legend key in pixels.
pub(crate) const KEY: (u32, u32) = (26, 16);

/// A legend key: the mark, on a line if it belongs to a curve.
pub(crate) fn key(mark: Mark) -> String {
    let (width, height) = (KEY.0 as i32, KEY.1 as i32);
    let y = height / 2;
    fragment(KEY, |canvas| {
        if let Mark::Curve(n) = mark {
            canvas.line((1, y), (width - 1, y), Pen::Curve(n), 2);
        }
        draw(canvas, (width / 2, y), mark);
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use plimsoll_record::Boundary;

    use super::super::canvas::CURVES;
    use super::super::ladder::RUNGS;
    use super::*;

    #[test]
    fn no_two_curves_have_the_same_mark() {
        let looks = |n| {
            let drawn = definition(Mark::Curve(n));
            // Dashes apply only to lines: a mark has one of the seven colours.
            let colour = format!("c{}\"", n % CURVES);
            drawn.replace(&colour, &format!("c{}\"", n % COLOURS))
        };
        let all: BTreeSet<String> = (0..LOOKS).map(looks).collect();
        assert_eq!(all.len(), LOOKS);
    }

    /// The bounding box of each shape of an SVG fragment: left, top, right, bottom.
    fn boxes(svg: &str) -> Vec<[f64; 4]> {
        let document = format!("<svg>{svg}</svg>");
        let document = roxmltree::Document::parse(&document).expect("well formed");
        let number = |text: Option<&str>| text.and_then(|t| t.parse::<f64>().ok()).expect("number");
        let all = document.descendants();
        all.filter_map(|node| match node.tag_name().name() {
            "circle" => {
                let [x, y, r] = ["cx", "cy", "r"].map(|name| number(node.attribute(name)));
                Some([x - r, y - r, x + r, y + r])
            }
            "path" if node.attribute("class")?.starts_with("f-") => {
                Some(outline(node.attribute("d").expect("a path")))
            }
            _ => None,
        })
        .collect()
    }

    /// The bounding box of a path with relative steps.
    fn outline(path: &str) -> [f64; 4] {
        let (mut x, mut y) = (0.0, 0.0);
        let mut ends = [
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ];
        for step in path
            .split_inclusive(|c: char| c.is_ascii_alphabetic())
            .collect::<Vec<_>>()
            .windows(2)
        {
            let command = step[0].chars().last().expect("a command");
            let numbers = step[1].trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let numbers: Vec<f64> = numbers
                .replace('-', " -")
                .split_ascii_whitespace()
                .map(|n| n.parse().expect("a number"))
                .collect();
            match (command, numbers.as_slice()) {
                ('M', [to_x, to_y]) => (x, y) = (*to_x, *to_y),
                ('l', [by_x, by_y]) => (x, y) = (x + by_x, y + by_y),
                ('h', [by]) => x += by,
                ('v', [by]) => y += by,
                other => panic!("{other:?} in {path}"),
            }
            ends = [
                ends[0].min(x),
                ends[1].min(y),
                ends[2].max(x),
                ends[3].max(y),
            ];
        }
        ends
    }

    #[test]
    fn no_two_rungs_have_the_same_shape() {
        let outline = |b: &Boundary| {
            let drawn = definition(Mark::Boundary(*b));
            let name = b.name().to_lowercase();
            drawn.replace(&format!("f-{name}\""), "f\"")
        };
        let all: BTreeSet<String> = RUNGS.iter().map(outline).collect();
        assert_eq!(all.len(), RUNGS.len());
    }

    #[test]
    fn every_mark_is_whole_centred_and_as_large_as_its_key() {
        let boundaries = RUNGS.iter().map(|b| Mark::Boundary(*b));
        for mark in boundaries.chain((0..LOOKS).map(Mark::Curve)) {
            let (half, rim) = (f64::from(HALF), f64::from(HALF + RIM));
            let around = |x: f64, y: f64, half: f64| [x - half, y - half, x + half, y + half];
            let whole = vec![around(0.0, 0.0, rim), around(0.0, 0.0, half)];
            assert_eq!(boxes(&definition(mark)), whole, "{mark:?}");
            let (x, y) = (f64::from(KEY.0) / 2.0, f64::from(KEY.1) / 2.0);
            let whole = vec![around(x, y, rim), around(x, y, half)];
            assert_eq!(boxes(&key(mark)), whole, "the key of {mark:?}");
        }
    }
}
