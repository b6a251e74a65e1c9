//! Bar chart of ratios, one bar per target, starting at 0.

use plimsoll_analysis::statistics::Interval;
use plimsoll_record::TargetId;
use plimsoll_record::run::TargetKind;

use super::canvas::{Anchor, Canvas, Caption, picture};
use super::ladder::{Layout, shortened};
use super::pen::Pen;
use crate::quantity;

/// One target's ratio.
#[derive(Debug, Clone)]
pub(crate) struct Bar<'f> {
    pub(crate) target: &'f TargetId,
    pub(crate) kind: TargetKind,
    pub(crate) ratio: f64,
    pub(crate) ci95: Option<Interval>,
}

/// Space to the right of the longest bar for its figure, at least.
const FIGURE: i32 = 52;

/// Pixels that a figure takes.
fn wide(figure: &str) -> i32 {
    figure.chars().count() as i32 * 7 + 4
}

/// The chart as an `<svg>`, on an axis from 0 to `most`; `title` says what the ratios are of.
pub(crate) fn bars(
    bars: &[Bar<'_>],
    most: f64,
    reference: &TargetId,
    title: &str,
    layout: Layout,
    id: &str,
) -> String {
    let caption = Caption {
        id: id.to_owned(),
        title: title.to_owned(),
        description: format!(
            "Times {reference}, with 95 % intervals; a bar that ends left of the line at 1 takes less time. {}.",
            bars.iter()
                .map(|bar| format!("{}: {}", bar.target, spoken(bar)))
                .collect::<Vec<_>>()
                .join("; ")
        ),
    };
    let (width, row, left) = match layout {
        Layout::Wide => {
            let longest = bars.iter().map(|b| b.target.as_str().chars().count()).max();
            // System fonts are about 6.6 pixels per character at 12 pixels.
            (1130, 34, longest.unwrap_or(0).min(40) as i32 * 7 + 20)
        }
        Layout::Narrow => (360, 42, 10),
    };
    let bottom = 8 + row * bars.len() as i32;
    let figures = bars
        .iter()
        .map(|bar| wide(&quantity::ratio(bar.ratio)) + 12);
    let room = figures.max().unwrap_or(0).max(FIGURE);
    let axis = Axis {
        most: most.max(1.0) * 1.02,
        from: left,
        to: width - room,
    };
    picture((width as u32, (bottom + 24) as u32), &caption, |canvas| {
        for tick in axis.ticks() {
            let x = axis.at(tick);
            canvas.line((x, 4), (x, bottom), Pen::Grid, 1);
            let figure = format!("{}×", (tick * 100.0).round() / 100.0);
            canvas.text((x, bottom + 12), &figure, Pen::Muted, Anchor::Middle);
        }
        let top = |n: usize| 8 + row * n as i32;
        for (n, bar) in bars.iter().enumerate() {
            let middle = match layout {
                Layout::Wide => top(n) + row / 2,
                Layout::Narrow => top(n) + 26,
            };
            canvas.group(bar.target.as_str(), || draw(canvas, &axis, bar, middle));
        }
        let one = axis.at(1.0);
        canvas.line((one, 4), (one, bottom), Pen::Ink, 1);
        for (n, bar) in bars.iter().enumerate() {
            canvas.group(bar.target.as_str(), || match layout {
                Layout::Wide => {
                    let at = (left - 12, top(n) + row / 2);
                    canvas.text(at, &shortened(bar.target, 40), Pen::Ink, Anchor::End);
                }
                Layout::Narrow => {
                    let name = shortened(bar.target, 50);
                    // A background strip keeps the grid and the line off the name.
                    let wide = name.chars().count() as i32 * 7 + 4;
                    let strip = [(left - 4, top(n)), (left + wide, top(n) + 16)];
                    canvas.filled_box(strip, Pen::Paper);
                    canvas.text((left, top(n) + 8), &name, Pen::Ink, Anchor::Start);
                }
            });
        }
    })
}

fn draw(canvas: &Canvas<'_>, axis: &Axis, bar: &Bar<'_>, y: i32) {
    let end = axis.at(bar.ratio);
    canvas.filled_box([(axis.at(0.0), y - 7), (end, y + 7)], Pen::Kind(bar.kind));
    let mut right = end;
    if let Some(ci) = bar.ci95 {
        let (low, high) = (axis.at(ci.low), axis.at(ci.high));
        for (pen, width) in [(Pen::Paper, 4), (Pen::Ink, 1)] {
            canvas.line((low, y), (high, y), pen, width);
            canvas.line((low, y - 4), (low, y + 4), pen, width);
            canvas.line((high, y - 4), (high, y + 4), pen, width);
        }
        right = right.max(high);
    }
    let figure = quantity::ratio(bar.ratio);
    let strip = [(right + 5, y - 8), (right + 7 + wide(&figure), y + 8)];
    canvas.filled_box(strip, Pen::Paper);
    canvas.text((right + 8, y), &figure, Pen::Ink, Anchor::Start);
}

fn spoken(bar: &Bar<'_>) -> String {
    let interval = bar.ci95.map_or_else(String::new, |ci| {
        format!(" ({})", quantity::ratio_interval(ci))
    });
    format!("{}{interval}", quantity::ratio(bar.ratio))
}

/// A linear axis from 0, so that lengths are proportional.
struct Axis {
    most: f64,
    from: i32,
    to: i32,
}

impl Axis {
    fn at(&self, ratio: f64) -> i32 {
        let share = (ratio / self.most).clamp(0.0, 1.0);
        self.from + (share * f64::from(self.to - self.from)).round() as i32
    }

    /// Round ratios, as many as fit.
    fn ticks(&self) -> Vec<f64> {
        let room = f64::from(self.to - self.from) / 44.0;
        let steps = [0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
        let step = steps.into_iter().find(|step| self.most / step <= room);
        let step = step.unwrap_or(self.most);
        (0..=(self.most / step) as u32)
            .map(|n| f64::from(n) * step)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_starts_at_nothing_and_ticks_have_room() {
        for most in [1.0, 1.3, 2.7, 9.0, 80.0, 4000.0] {
            let axis = Axis {
                most,
                from: 10,
                to: 308,
            };
            assert_eq!((axis.at(0.0), axis.at(most)), (10, 308));
            let ticks = axis.ticks();
            assert!(ticks.len() >= 2, "{most}: {ticks:?}");
            for pair in ticks.windows(2) {
                assert!(
                    axis.at(pair[1]) - axis.at(pair[0]) >= 40,
                    "{most}: {ticks:?}"
                );
            }
        }
    }
}
