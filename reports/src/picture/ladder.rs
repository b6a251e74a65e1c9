//! One workload's boundaries on one time axis, one row per target.

use plimsoll_record::{Boundary, TargetId, Unit, WorkloadId};

use super::canvas::{Anchor, Canvas, Caption, Mark, Pen, picture};
use super::scale::{Axis, Scale};
use crate::facts::Facts;
use crate::quantity;

/// Layout of a chart with one row per target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Names beside their rows and figures at the marks, for a screen or paper.
    Wide,
    /// Names above their rows, for a phone or several charts side by side.
    Narrow,
}

/// The boundaries in a ladder, in the order of its legend.
pub(crate) const RUNGS: [Boundary; 9] = [
    Boundary::L0,
    Boundary::L1,
    Boundary::L2,
    Boundary::FirstOutputWarm,
    Boundary::FirstOutputArtefact,
    Boundary::L3,
    Boundary::L4,
    Boundary::L5,
    Boundary::L6,
];

/// Width of a mark in pixels; it hides narrower intervals.
const MARK: i32 = 8;

struct Rung {
    boundary: Boundary,
    median: f64,
    ci95: Option<[f64; 2]>,
}

/// The range of times of all workloads' ladders, including intervals, for a shared axis; `None` without measurements.
pub(crate) fn span(facts: &Facts<'_>) -> Option<[f64; 2]> {
    let rows = facts.rows.iter();
    let ends = rows
        .filter(|row| row.metric == plimsoll_record::Metric::WallTime)
        .filter_map(|row| {
            let median = row.median?;
            Some(row.ci95.unwrap_or([median, median]))
        });
    ends.reduce(|span, [low, high]| [span[0].min(low), span[1].max(high)])
}

/// The ladder of `workload` as an `<svg>`, on an axis of this kind over `span` nanoseconds; `None` if it has no number.
pub(crate) fn ladder(
    facts: &Facts<'_>,
    workload: &WorkloadId,
    span: [f64; 2],
    axis: Axis,
    layout: Layout,
    id: &str,
) -> Option<String> {
    let lines: Vec<(&TargetId, Vec<Rung>)> = facts
        .targets()
        .iter()
        .map(|target| (&target.target, rungs(facts, workload, &target.target)))
        .filter(|(target, _)| {
            let mut rows = facts.rows.iter();
            rows.any(|row| row.target == **target && row.workload == *workload)
        })
        .collect();
    if lines.iter().all(|(_, rungs)| rungs.is_empty()) {
        return None;
    }
    let caption = Caption {
        id: id.to_owned(),
        title: format!("Cold-start ladder of {workload}"),
        description: match axis {
            Axis::Linear => "The same on a linear axis.".to_owned(),
            Axis::Logarithmic => format!(
                "Median time at each boundary on a logarithmic axis. {}.",
                lines
                    .iter()
                    .map(|(target, rungs)| format!("{target}: {}", spoken(rungs)))
                    .collect::<Vec<_>>()
                    .join("; ")
            ),
        },
    };
    let (width, row_height, left) = match layout {
        Layout::Wide => {
            let longest = lines.iter().map(|(t, _)| t.as_str().chars().count()).max();
            // System fonts are about 6.6 pixels per character at 12 pixels.
            let names = longest.unwrap_or(0).min(40) as i32 * 7 + 20;
            (1130, 50, names)
        }
        Layout::Narrow => (360, 40, 10),
    };
    let bottom = 8 + row_height * lines.len() as i32;
    let pixels = (left + 6, width - 18);
    let scale = Scale::on(axis, Unit::Nanoseconds, span[0], span[1], pixels);
    let size = (width as u32, (bottom + 24) as u32);
    Some(picture(size, &caption, |canvas| {
        scale.draw(canvas, 4, bottom);
        for (n, (target, rungs)) in lines.iter().enumerate() {
            canvas.group(target.as_str(), || {
                let top = 8 + row_height * n as i32;
                let y = match layout {
                    Layout::Wide => {
                        let y = top + row_height / 2;
                        let name = shortened(target, 40);
                        canvas.text((left - 12, y), &name, Pen::Ink, Anchor::End);
                        y
                    }
                    Layout::Narrow => {
                        let name = shortened(target, 50);
                        // A background strip keeps the grid off the name.
                        let wide = name.chars().count() as i32 * 7 + 4;
                        let strip = [(left - 4, top), (left + wide, top + 16)];
                        canvas.filled_box(strip, Pen::Paper);
                        canvas.text((left, top + 8), &name, Pen::Ink, Anchor::Start);
                        top + 27
                    }
                };
                line(canvas, &scale, rungs, y, layout);
            });
        }
    }))
}

fn line(canvas: &Canvas<'_>, scale: &Scale, rungs: &[Rung], y: i32, layout: Layout) {
    if rungs.is_empty() {
        // A row without marks would look like a drawing error.
        let at = (scale.at(0.0) + 4, y);
        canvas.text(at, "no number: see below", Pen::Muted, Anchor::Start);
        return;
    }
    let least = rungs.iter().map(|r| r.median).fold(f64::INFINITY, f64::min);
    let most = rungs.iter().map(|r| r.median).fold(0.0, f64::max);
    canvas.line((scale.at(least), y), (scale.at(most), y), Pen::Muted, 1);
    for rung in rungs {
        if let Some((low, high)) = rung.ci95.map(|[low, high]| (scale.at(low), scale.at(high)))
            && high - low > MARK
        {
            canvas.line((low, y), (high, y), Pen::Boundary(rung.boundary), 4);
        }
    }
    for rung in rungs {
        canvas.mark((scale.at(rung.median), y), Mark::Boundary(rung.boundary));
    }
    if layout == Layout::Wide {
        figures(canvas, scale, rungs, y);
    }
}

/// Writes the medians alternately above and below the line, where they fit.
fn figures(canvas: &Canvas<'_>, scale: &Scale, rungs: &[Rung], y: i32) {
    let mut ordered: Vec<&Rung> = rungs.iter().collect();
    ordered.sort_by(|a, b| a.median.total_cmp(&b.median));
    let mut free = [i32::MIN; 2];
    for rung in ordered {
        let figure = quantity::duration(rung.median);
        let half = figure.chars().count() as i32 * 7 / 2 + 3;
        let x = scale.at(rung.median);
        let Some(side) = (0..2).find(|side| x - half >= free[*side]) else {
            continue;
        };
        free[side] = x + half;
        let at = [y - 14, y + 14][side];
        canvas.text((x, at), &figure, Pen::Muted, Anchor::Middle);
    }
}

fn rungs(facts: &Facts<'_>, workload: &WorkloadId, target: &TargetId) -> Vec<Rung> {
    RUNGS
        .into_iter()
        .filter_map(|boundary| {
            let row = facts.wall(workload, target, boundary)?;
            Some(Rung {
                boundary,
                median: row.median?,
                ci95: row.ci95,
            })
        })
        .collect()
}

fn spoken(rungs: &[Rung]) -> String {
    if rungs.is_empty() {
        return "no number".to_owned();
    }
    let spoken = rungs
        .iter()
        .map(|r| format!("{} {}", r.boundary, quantity::duration(r.median)));
    spoken.collect::<Vec<_>>().join(", ")
}

/// Shortens a name to `most` characters. It keeps most of the end, which distinguishes configurations.
pub(crate) fn shortened(name: &TargetId, most: usize) -> String {
    let letters: Vec<char> = name.as_str().chars().collect();
    if letters.len() <= most {
        return letters.into_iter().collect();
    }
    let tail = letters.len() - (most - most / 3 - 1);
    let head: String = letters[..most / 3].iter().collect();
    let tail: String = letters[tail..].iter().collect();
    format!("{head}…{tail}")
}
