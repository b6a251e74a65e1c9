//! Boxes and dots: every target's samples at one boundary, one row per target.

use plimsoll_analysis::statistics::{Sorted, generator};
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, TargetId, WorkloadId};
use rand::seq::SliceRandom;

use super::canvas::{Anchor, Canvas, Caption, Pen, picture};
use super::ladder::shortened;
use super::scale::Scale;
use crate::quantity;

/// Maximum dots per target; larger samples are thinned with a seeded generator, and the page says so.
pub(crate) const DOTS: usize = 120;
/// Approximate number of dots in a chart with many targets.
const DOTS_IN_ALL: usize = 1200;
/// Minimum dots per target, if it has that many samples.
const FEWEST_DOTS: usize = 30;

/// Maximum dots per target.
pub(crate) fn dots_each(targets: usize) -> usize {
    (DOTS_IN_ALL / targets.max(1)).clamp(FEWEST_DOTS, DOTS)
}

const WIDTH: i32 = 360;
const ROW: i32 = 46;

/// One target's samples.
pub(crate) struct Line<'f> {
    pub(crate) target: &'f TargetId,
    pub(crate) kind: TargetKind,
    /// All samples that count, in nanoseconds.
    pub(crate) samples: Sorted,
    /// Position in the run's ledger, which determines the curve's style.
    pub(crate) place: usize,
}

/// The smallest and largest time of all lines.
pub(crate) fn span(lines: &[Line<'_>]) -> [f64; 2] {
    let low = lines.iter().map(|l| l.samples.min());
    let high = lines.iter().map(|l| l.samples.max());
    [low.fold(f64::INFINITY, f64::min), high.fold(0.0, f64::max)]
}

/// The chart as an `<svg>`.
pub(crate) fn boxes(
    lines: &[Line<'_>],
    workload: &WorkloadId,
    boundary: Boundary,
    seed: u64,
    id: &str,
) -> String {
    let caption = Caption {
        id: id.to_owned(),
        title: format!("Spread of {workload} at {boundary}"),
        description: format!(
            "Box of the middle half with the median, whiskers to the extremes, samples as dots. {}.",
            lines
                .iter()
                .map(|line| {
                    let [low, middle, high] =
                        [0.25, 0.5, 0.75].map(|p| quantity::duration(line.samples.quantile(p)));
                    format!(
                        "{}: median {middle}, middle half {low} to {high}",
                        line.target
                    )
                })
                .collect::<Vec<_>>()
                .join("; ")
        ),
    };
    let bottom = 4 + ROW * lines.len() as i32;
    let [low, high] = span(lines);
    let scale = Scale::over(low, high, (12, WIDTH - 16));
    let size = (WIDTH as u32, (bottom + 24) as u32);
    let most = dots_each(lines.len());
    picture(size, &caption, |canvas| {
        scale.draw(canvas, 2, bottom);
        for (n, line) in lines.iter().enumerate() {
            canvas.group(line.target.as_str(), || {
                draw(canvas, &scale, line, 4 + ROW * n as i32, (seed, most));
            });
        }
    })
}

fn draw(canvas: &Canvas<'_>, scale: &Scale, line: &Line<'_>, top: i32, (seed, most): (u64, usize)) {
    let name = shortened(line.target, 46);
    let wide = name.chars().count() as i32 * 7 + 4;
    canvas.filled_box([(4, top), (8 + wide, top + 16)], Pen::Paper);
    canvas.text((8, top + 8), &name, Pen::Ink, Anchor::Start);
    let y = top + 29;
    let at = |p: f64| scale.at(line.samples.quantile(p));
    canvas.line((at(0.0), y), (at(1.0), y), Pen::Muted, 1);
    let (left, right) = (at(0.25), at(0.75).max(at(0.25) + 2));
    canvas.filled_box([(left, y - 9), (right, y + 9)], Pen::Box);
    let mut rng = generator(seed, line.target.as_str());
    let mut chosen: Vec<f64> = line.samples.values().to_vec();
    if chosen.len() > most {
        chosen.shuffle(&mut rng);
        chosen.truncate(most);
    }
    for (n, value) in chosen.iter().enumerate() {
        // The golden ratio spreads the dots evenly and reproducibly over the line's height.
        let lane = (n as f64 * 0.618_034).fract();
        let offset = (lane * 15.0).round() as i32 - 7;
        canvas.dot((scale.at(*value), y + offset), 1, Pen::Kind(line.kind));
    }
    let middle = at(0.5);
    canvas.line((middle, y - 11), (middle, y + 11), Pen::Paper, 5);
    canvas.line((middle, y - 11), (middle, y + 11), Pen::Ink, 2);
}
