//! Boxes, dots and cumulative shares.

use maud::{Markup, PreEscaped, html};
use plimsoll_analysis::series::SeriesKey;
use plimsoll_record::{Boundary, Metric, WorkloadId};

use super::parts::{Place, Section, without};
use crate::facts::Facts;
use crate::page::legend::curve_key;
use crate::picture::distribution::{DOTS, Line, boxes};
use crate::picture::ecdf::curves;

pub(crate) fn section(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let lead = facts.lead()?;
    let part = place.budget.part(1);
    let (mut drawn, mut undrawn) = (Vec::new(), Vec::new());
    for (w, workload) in facts.workloads().iter().enumerate() {
        let id = &workload.workload;
        let pictures = part.draw(|| {
            html! {
                details data-workload=(id) open[*id == lead.workload] {
                    summary { b { (id) } " " (workload.title) }
                    @for boundary in facts.boundaries(id) { (at_boundary(facts, id, boundary, w, place)) }
                }
            }
        });
        match pictures {
            Some(pictures) => drawn.push(pictures),
            None => undrawn.push(id),
        }
    }
    let body = html! {
        @if !drawn.is_empty() {
            p {
                "Every sample counts the same here. A box holds the middle half, its line the median, the thin line reaches to the extremes; "
                "of more than " (DOTS) " samples, or fewer where many targets share a picture, some drawn at random are shown as dots. "
                "Outliers are flagged in the tables and never dropped. "
                "Beside it the share of samples that took no longer than a time: the further left and the steeper, the better."
            }
        }
        @for pictures in &drawn { (pictures) }
        (without(facts, "Not drawn", &undrawn))
    };
    Some(Section {
        id: "spread",
        title: "How the samples are spread",
        body,
    })
}

/// Boxes and shares of a workload at one boundary.
fn at_boundary(
    facts: &Facts<'_>,
    workload: &WorkloadId,
    boundary: Boundary,
    nth: usize,
    place: &Place<'_>,
) -> Markup {
    let lines = lines(facts, workload, boundary);
    let seed = facts.recorded.run.seed;
    html! {
        @if !lines.is_empty() {
            figure.spread {
                figcaption { b { (workload) " at " (boundary) } " " (boundary.meaning()) }
                div.pair {
                    (PreEscaped(boxes(&lines, workload, boundary, seed, &place.id(&format!("box-{nth}-{boundary}")))))
                    div {
                        (PreEscaped(curves(&lines, workload, boundary, &place.id(&format!("ecdf-{nth}-{boundary}")))))
                        ul.legend.small {
                            @for line in &lines { (curve_key(line.place, line.target.as_str(), line.target.as_str())) }
                        }
                    }
                }
            }
        }
    }
}

fn lines<'f>(facts: &'f Facts<'_>, workload: &WorkloadId, boundary: Boundary) -> Vec<Line<'f>> {
    let targets = facts.targets().iter().enumerate();
    targets
        .filter_map(|(place, target)| {
            let key = SeriesKey {
                workload: workload.clone(),
                target: target.target.clone(),
                boundary,
                metric: Metric::WallTime,
                at: None,
            };
            Some(Line {
                target: &target.target,
                kind: target.kind,
                samples: facts.series(&key)?.pooled()?,
                place,
            })
        })
        .collect()
}
