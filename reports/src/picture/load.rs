//! Curves over a rate, a percentile or a number of instances, with logarithmic axes.

use plimsoll_record::Unit;

use super::canvas::{Anchor, Caption, Mark, Pen, picture};
use super::scale::{Scale, figure};

/// Default width in pixels, for a phone or two charts side by side.
pub(crate) const WIDTH: i32 = 420;

const TOP: i32 = 12;
const BOTTOM: i32 = 250;
const LEFT: i32 = 62;
const RIGHT: i32 = 30;
/// Width of a tick's label on the lower axis, in pixels.
const TICK: i32 = 48;

/// One curve of a target.
#[derive(Debug)]
pub(crate) struct Curve<'f> {
    /// Its target's name, by which the page can hide it.
    pub(crate) target: &'f str,
    /// Index of its style.
    pub(crate) place: usize,
    /// Points from left to right: position on the lower axis from 0 to 1, and value.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A tick of the lower axis: position from 0 to 1, and label.
pub(crate) type Tick = (f64, String);

/// Whether a curve's points are marked measurements or only samples of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Points {
    Marked,
    LastMarked,
}

/// Latencies as an `<svg>` of this width; `None` if no curve has a point.
pub(crate) fn curves(
    curves: &[Curve<'_>],
    ticks: &[Tick],
    points: Points,
    width: i32,
    caption: &Caption,
) -> Option<String> {
    curves_in(Unit::Nanoseconds, curves, ticks, points, width, caption)
}

/// Like [`curves`], for values in another unit.
pub(crate) fn curves_in(
    unit: Unit,
    curves: &[Curve<'_>],
    ticks: &[Tick],
    points: Points,
    width: i32,
    caption: &Caption,
) -> Option<String> {
    let values = curves.iter().flat_map(|curve| &curve.points).map(|p| p.1);
    let low = values.clone().reduce(f64::min)?;
    let high = values.reduce(f64::max)?;
    let scale = Scale::of(unit, low, high.max(low * 2.0), (0, BOTTOM - TOP));
    let y = |value: f64| BOTTOM - scale.at(value);
    let x = |share: f64| LEFT + (share * f64::from(width - LEFT - RIGHT)).round() as i32;
    let size = (width as u32, (BOTTOM + 26) as u32);
    Some(picture(size, caption, |canvas| {
        for tick in scale.ticks() {
            canvas.line((LEFT, y(tick)), (width - RIGHT, y(tick)), Pen::Grid, 1);
            canvas.text(
                (LEFT - 8, y(tick)),
                &figure(tick, unit),
                Pen::Muted,
                Anchor::End,
            );
        }
        let mut free = i32::MIN;
        for (share, text) in ticks {
            let at = x(*share);
            canvas.line((at, TOP), (at, BOTTOM), Pen::Grid, 1);
            if at >= free {
                canvas.text((at, BOTTOM + 14), text, Pen::Muted, Anchor::Middle);
                free = at + TICK;
            }
        }
        for curve in curves {
            let path = curve.points.iter().map(|(at, value)| (x(*at), y(*value)));
            canvas.group(curve.target, || {
                canvas.path(path.collect(), Pen::Curve(curve.place), 2);
            });
        }
        for curve in curves {
            let from = match points {
                Points::Marked => 0,
                Points::LastMarked => curve.points.len().saturating_sub(1),
            };
            canvas.group(curve.target, || {
                for (at, value) in &curve.points[from..] {
                    canvas.mark((x(*at), y(*value)), Mark::Curve(curve.place));
                }
            });
        }
    }))
}
