//! One figure with its interval per target, on one axis.

use plimsoll_analysis::Row;
use plimsoll_record::run::TargetKind;

use super::canvas::{Anchor, Canvas, Caption, Pen, picture};
use super::ladder::{Layout, shortened};
use super::scale::{Axis, Scale};
use crate::quantity;

/// One row of the chart.
pub(crate) struct Dot<'f> {
    pub(crate) row: &'f Row,
    pub(crate) kind: TargetKind,
}

/// The rows as an `<svg>`; `None` if no number can be shown on a logarithmic axis.
pub(crate) fn dots(
    dots: &[Dot<'_>],
    caption: &Caption,
    axis: Axis,
    layout: Layout,
) -> Option<String> {
    let unit = dots.first()?.row.unit;
    let ends = dots.iter().filter_map(|dot| {
        let median = dot.row.median.filter(|median| *median > 0.0)?;
        let [low, high] = dot.row.ci95.unwrap_or([median, median]);
        // A logarithmic axis cannot show an interval that reaches zero.
        let low = if low > 0.0 { low } else { median };
        Some([low, high])
    });
    let [low, high] = ends.reduce(|span, [low, high]| [span[0].min(low), span[1].max(high)])?;
    let (width, row_height, left) = match layout {
        Layout::Wide => {
            let longest = dots.iter().map(|d| d.row.target.as_str().chars().count());
            let names = longest.max().unwrap_or(0).min(40) as i32 * 7 + 20;
            (1130, 30, names)
        }
        Layout::Narrow => (360, 40, 10),
    };
    let bottom = 8 + row_height * dots.len() as i32;
    // Leaves space on the right for the last figure.
    let scale = Scale::on(axis, unit, low, high, (left + 6, width - 84));
    let size = (width as u32, (bottom + 24) as u32);
    Some(picture(size, caption, |canvas| {
        scale.draw(canvas, 4, bottom);
        for (n, dot) in dots.iter().enumerate() {
            canvas.group(dot.row.target.as_str(), || {
                let top = 8 + row_height * n as i32;
                let y = match layout {
                    Layout::Wide => {
                        let y = top + row_height / 2;
                        let name = shortened(&dot.row.target, 40);
                        canvas.text((left - 12, y), &name, Pen::Ink, Anchor::End);
                        y
                    }
                    Layout::Narrow => {
                        let name = shortened(&dot.row.target, 50);
                        let wide = name.chars().count() as i32 * 7 + 4;
                        let strip = [(left - 4, top), (left + wide, top + 16)];
                        canvas.filled_box(strip, Pen::Paper);
                        canvas.text((left, top + 8), &name, Pen::Ink, Anchor::Start);
                        top + 27
                    }
                };
                line(canvas, &scale, dot, y);
            });
        }
    }))
}

fn line(canvas: &Canvas<'_>, scale: &Scale, dot: &Dot<'_>, y: i32) {
    let pen = Pen::Kind(dot.kind);
    let Some(median) = dot.row.median else {
        let at = (scale.at(0.0) + 4, y);
        canvas.text(at, "no number: see below", Pen::Muted, Anchor::Start);
        return;
    };
    let x = scale.at(median);
    if let Some([low, high]) = dot.row.ci95 {
        canvas.line((scale.at(low), y), (scale.at(high), y), pen, 4);
    }
    canvas.dot((x, y), 5, pen);
    let reach = dot.row.ci95.map_or(x, |[_, high]| scale.at(high).max(x));
    let figure = quantity::value(median, dot.row.unit);
    // A background strip keeps the grid off the figure.
    let wide = figure.chars().count() as i32 * 7 + 4;
    canvas.filled_box([(reach + 9, y - 8), (reach + 11 + wide, y + 8)], Pen::Paper);
    canvas.text((reach + 12, y), &figure, Pen::Ink, Anchor::Start);
}
