//! The cold-start ladders of all workloads.

use maud::{PreEscaped, html};
use plimsoll_record::{Boundary, WorkloadId};

use crate::facts::Facts;
use crate::page::legend::{key, shown};
use crate::page::parts::{Place, Section, without};
use crate::picture::ladder::{Layout, RUNGS, ladder, span};
use crate::picture::scale::Axis;

pub(crate) fn section(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let lead = facts.lead()?;
    let boundaries: Vec<Boundary> = RUNGS
        .into_iter()
        .filter(|b| {
            facts
                .rows
                .iter()
                .any(|r| r.boundary == *b && r.median.is_some())
        })
        .collect();
    if boundaries.is_empty() {
        return None;
    }
    let span = span(facts)?;
    let draw = |workload: &WorkloadId, layout, id: &str| {
        let on = |axis: Axis| {
            let id = place.id(&format!("{id}-{}", axis.name()));
            ladder(facts, workload, span, axis, layout, &id).map(PreEscaped)
        };
        on(Axis::Logarithmic)?;
        Some(
            html! { @for axis in Axis::ALL { div.(axis.name()) { @if let Some(drawn) = on(axis) { (drawn) } } } },
        )
    };
    let part = place.budget.part(3);
    let others = facts.workloads();
    let others = others.iter().filter(|w| w.workload != lead.workload);
    let (mut drawn, mut undrawn) = (Vec::new(), Vec::new());
    for (n, workload) in others.enumerate() {
        let id = &workload.workload;
        let picture = part.draw(|| {
            html! {
                @if let Some(picture) = draw(id, Layout::Narrow, &format!("ladder-{n}")) {
                    figure data-workload=(id) {
                        figcaption { b { (id) } " " (workload.title) }
                        (picture)
                    }
                }
            }
        });
        match picture {
            Some(picture) => drawn.push(picture),
            None => undrawn.push(id),
        }
    }
    let body = html! {
        p {
            "Each line is a target, each mark the median time to reach a boundary; a bar behind a mark is its 95 % interval where that is wider than the mark. "
            "On the logarithmic axis equal steps are equal ratios."
        }
        ul.legend {
            @for &boundary in &boundaries {
                li { (shown(&key(boundary))) span { b { (boundary) } " " (boundary.meaning()) } }
            }
        }
        figure.lead data-workload=(lead.workload) {
            figcaption { b { (lead.workload) } " " (lead.title) }
            @if let Some(wide) = draw(&lead.workload, Layout::Wide, "ladder-wide") { div.wide { (wide) } }
            @if let Some(narrow) = draw(&lead.workload, Layout::Narrow, "ladder-narrow") { div.narrow { (narrow) } }
        }
        @if !drawn.is_empty() {
            p { "The other workloads, on the same axis. From L3 up they include what the program computes, so the containers' and processes' own share shrinks." }
            div.multiples { @for picture in &drawn { (picture) } }
        }
        (without(facts, "Not drawn", &undrawn))
    };
    Some(Section {
        id: "ladder",
        title: "The cold-start ladder",
        body,
    })
}
