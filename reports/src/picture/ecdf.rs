//! Empirical cumulative distribution: the share of samples up to each time, one curve per target.

use plimsoll_analysis::statistics::Sorted;
use plimsoll_record::{Boundary, WorkloadId};

use super::canvas::{Anchor, Caption, Mark, Pen, Point, picture};
use super::distribution::{Line, span};
use super::scale::Scale;

const WIDTH: i32 = 360;
const TOP: i32 = 10;
const BOTTOM: i32 = 210;
const LEFT: i32 = 44;

/// The chart as an `<svg>`.
pub(crate) fn curves(
    lines: &[Line<'_>],
    workload: &WorkloadId,
    boundary: Boundary,
    id: &str,
) -> String {
    let caption = Caption {
        id: id.to_owned(),
        title: format!("Cumulative shares of {workload} at {boundary}"),
        description: "Share of samples that took no longer than the time on the logarithmic axis, \
                      a curve for each target; the mark stands at its median. The table has the \
                      numbers."
            .to_owned(),
    };
    let [low, high] = span(lines);
    let scale = Scale::over(low, high, (LEFT, WIDTH - 16));
    let size = (WIDTH as u32, (BOTTOM + 24) as u32);
    picture(size, &caption, |canvas| {
        scale.draw(canvas, TOP, BOTTOM);
        for (share, figure) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
            let y = height(share);
            canvas.line((LEFT, y), (WIDTH - 16, y), Pen::Grid, 1);
            canvas.text((LEFT - 6, y), figure, Pen::Muted, Anchor::End);
        }
        for line in lines {
            canvas.group(line.target.as_str(), || {
                canvas.path(steps(&line.samples, &scale), Pen::Curve(line.place), 2);
            });
        }
        for line in lines {
            let at = (scale.at(line.samples.median()), height(0.5));
            canvas.group(line.target.as_str(), || {
                canvas.mark(at, Mark::Curve(line.place))
            });
        }
    })
}

fn height(share: f64) -> i32 {
    BOTTOM - (share * f64::from(BOTTOM - TOP)).round() as i32
}

/// Maximum steps per curve; the chart's height can show no more.
const STEPS: usize = 80;

/// The curve as steps, with one point per pixel. Large samples are thinned, but keep the last.
fn steps(samples: &Sorted, scale: &Scale) -> Vec<Point> {
    let n = samples.len() as f64;
    let mut points: Vec<Point> = Vec::new();
    let mut put = |point: Point| {
        // Drop the middle one of three points on a straight line.
        if let [.., a, b] = points.as_slice()
            && ((a.0 == b.0 && b.0 == point.0) || (a.1 == b.1 && b.1 == point.1))
        {
            points.pop();
        }
        if points.last() != Some(&point) {
            points.push(point);
        }
    };
    let every = samples.len().div_ceil(STEPS);
    let last = samples.len() - 1;
    let mut share = 0.0;
    for (nth, value) in samples.values().iter().enumerate() {
        if nth % every != 0 && nth != last {
            continue;
        }
        let x = scale.at(*value);
        put((x, height(share)));
        share = (nth + 1) as f64 / n;
        put((x, height(share)));
    }
    points
}
