//! Shares of test results, one bar per target.

use plimsoll_record::TargetId;
use plimsoll_record::run::TargetKind;

use super::canvas::{Anchor, Canvas, Caption, Pen, picture};
use super::ladder::{Layout, shortened};

/// One target's counts.
#[derive(Debug, Clone)]
pub(crate) struct Shares<'f> {
    pub(crate) target: &'f TargetId,
    pub(crate) passed: u32,
    /// Directives of proposals that the target does not claim.
    pub(crate) unclaimed: u32,
    /// Failed, crashed or timed out.
    pub(crate) failed: u32,
    /// Share that passed, as text.
    pub(crate) figure: String,
}

impl Shares<'_> {
    fn asked(&self) -> u32 {
        (self.passed + self.unclaimed + self.failed).max(1)
    }
}

/// Parts of a bar with their names.
pub(crate) const PARTS: [(Pen, &str); 3] = [
    (Pen::Kind(TargetKind::Wasm), "passed"),
    (Pen::Box, "not claimed"),
    (
        Pen::Kind(TargetKind::Container),
        "failed, crashed or took too long",
    ),
];

/// Space for the figures to the right of the bars.
const FIGURE: i32 = 60;

/// The chart as an `<svg>`.
pub(crate) fn shares(shares: &[Shares<'_>], caption: &Caption, layout: Layout) -> String {
    let (width, row, left) = match layout {
        Layout::Wide => {
            let longest = shares.iter().map(|s| s.target.as_str().chars().count());
            // System fonts are about 6.6 pixels per character at 12 pixels.
            let names = longest.max().unwrap_or(0).min(40) as i32 * 7 + 20;
            (1130, 28, names)
        }
        Layout::Narrow => (360, 38, 10),
    };
    let bottom = 8 + row * shares.len() as i32;
    let right = width - FIGURE;
    let at = |share: f64| left + (share * f64::from(right - left)).round() as i32;
    picture((width as u32, (bottom + 24) as u32), caption, |canvas| {
        for percent in [0, 25, 50, 75, 100] {
            let x = at(f64::from(percent) / 100.0);
            canvas.line((x, 4), (x, bottom), Pen::Grid, 1);
            canvas.text(
                (x.max(14), bottom + 12),
                &format!("{percent} %"),
                Pen::Muted,
                Anchor::Middle,
            );
        }
        for (n, one) in shares.iter().enumerate() {
            canvas.group(one.target.as_str(), || {
                let top = 8 + row * n as i32;
                let y = match layout {
                    Layout::Wide => {
                        let y = top + row / 2;
                        canvas.text(
                            (left - 12, y),
                            &shortened(one.target, 40),
                            Pen::Ink,
                            Anchor::End,
                        );
                        y
                    }
                    Layout::Narrow => {
                        let name = shortened(one.target, 46);
                        let wide = name.chars().count() as i32 * 7 + 4;
                        let strip = [(left - 4, top), (left + wide, top + 16)];
                        canvas.filled_box(strip, Pen::Paper);
                        canvas.text((left, top + 8), &name, Pen::Ink, Anchor::Start);
                        top + 25
                    }
                };
                bar(canvas, one, y, &at);
                canvas.text((right + 6, y), &one.figure, Pen::Ink, Anchor::Start);
            });
        }
    })
}

fn bar(canvas: &Canvas<'_>, one: &Shares<'_>, y: i32, at: &dyn Fn(f64) -> i32) {
    let counts = [one.passed, one.unclaimed, one.failed];
    let mut so_far = 0;
    for (count, (pen, _)) in counts.into_iter().zip(PARTS) {
        let share = |count: u32| f64::from(count) / f64::from(one.asked());
        let from = at(share(so_far));
        so_far += count;
        // Makes even a few of thousands visible.
        let to = at(share(so_far)).max(from + 2);
        if count > 0 {
            canvas.filled_box([(from, y - 7), (to, y + 7)], pen);
        }
    }
}
