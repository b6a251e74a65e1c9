//! Boxes, dots and cumulative shares.

use maud::{PreEscaped, html};
use plimsoll_analysis::series::SeriesKey;
use plimsoll_record::{Boundary, Metric, WorkloadId};

use super::ladders::shown;
use super::{Place, Section};
use crate::facts::Facts;
use crate::picture::canvas::CURVES;
use crate::picture::distribution::{DOTS, Line, boxes};
use crate::picture::ecdf::curves;

pub(super) fn section(facts: &Facts<'_>, place: &Place) -> Option<Section> {
    let lead = facts.lead()?;
    let seed = facts.recorded.run.seed;
    let body = html! {
        p {
            "Every sample counts the same here. A box holds the middle half, its line the median, the thin line reaches to the extremes; "
            "of more than " (DOTS) " samples " (DOTS) " drawn at random are shown as dots. Outliers are flagged in the tables and never dropped. "
            "Beside it the share of samples that took no longer than a time: the further left and the steeper, the better."
        }
        @for (w, workload) in facts.workloads().iter().enumerate() {
            details data-workload=(workload.workload) open[workload.workload == lead.workload] {
                summary { b { (workload.workload) } " " (workload.title) }
                @for boundary in facts.boundaries(&workload.workload) {
                    @let lines = lines(facts, &workload.workload, boundary);
                    @if !lines.is_empty() {
                        figure.spread {
                            figcaption { b { (workload.workload) " at " (boundary) } " " (boundary.meaning()) }
                            div.pair {
                                (PreEscaped(boxes(&lines, &workload.workload, boundary, seed, &place.id(&format!("box-{w}-{boundary}")))))
                                div {
                                    (PreEscaped(curves(&lines, &workload.workload, boundary, &place.id(&format!("ecdf-{w}-{boundary}")))))
                                    ul.legend.small {
                                        @for line in &lines {
                                            li { (shown(&format!("k-c{}", line.place % CURVES))) span { (line.target) } }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    Some(Section {
        id: "spread",
        title: "How the samples are spread",
        body,
    })
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
