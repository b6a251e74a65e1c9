//! The cold-start ladder of every workload.

use maud::{Markup, PreEscaped, html};
use plimsoll_record::Boundary;

use super::{Place, Section};
use crate::facts::Facts;
use crate::picture::canvas::{CURVES, Pen, fragment};
use crate::picture::ladder::{Layout, ladder, span};
use crate::picture::mark;
use crate::picture::scale::Axis;

/// The keys of every legend, drawn once and shown by reference.
pub(super) fn symbols() -> Markup {
    let size = (26, 16);
    let symbol = |id: String, drawn: String| {
        html! { symbol id=(id) viewBox="0 0 26 16" { (PreEscaped(drawn)) } }
    };
    html! {
        svg.unseen aria-hidden="true" width="0" height="0" {
            @for &boundary in Boundary::ALL {
                (symbol(key(boundary), fragment(size, |canvas| mark::boundary(canvas, (13, 8), boundary))))
            }
            @for n in 0..CURVES {
                (symbol(format!("k-c{n}"), fragment(size, |canvas| {
                    canvas.line((1, 8), (25, 8), Pen::Curve(n), 2);
                    mark::curve(canvas, (13, 8), n);
                })))
            }
        }
    }
}

fn key(boundary: Boundary) -> String {
    format!("k-{}", boundary.name().to_lowercase())
}

/// A key of a legend, by the id of its symbol.
pub(super) fn shown(id: &str) -> Markup {
    html! { svg.key aria-hidden="true" width="26" height="16" { use href={ "#" (id) } {} } }
}

pub(super) fn section(facts: &Facts<'_>, place: &Place) -> Option<Section> {
    let lead = facts.lead()?;
    let boundaries: Vec<Boundary> = Boundary::ALL
        .iter()
        .copied()
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
    let draw = |workload: &plimsoll_record::WorkloadId, layout, id: &str| {
        let on = |axis: Axis| {
            let id = place.id(&format!("{id}-{}", axis.name()));
            ladder(facts, workload, span, axis, layout, &id).map(PreEscaped)
        };
        on(Axis::Logarithmic)?;
        Some(
            html! { @for axis in Axis::ALL { div.(axis.name()) { @if let Some(drawn) = on(axis) { (drawn) } } } },
        )
    };
    let others = facts.workloads();
    let others = others.iter().filter(|w| w.workload != lead.workload);
    let others: Vec<(usize, _)> = others.enumerate().collect();
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
        @if !others.is_empty() {
            p { "The other workloads, on the same axis. From L3 up they include what the program computes, so the containers' and processes' own share shrinks." }
            div.multiples {
                @for (n, workload) in &others {
                    @if let Some(picture) = draw(&workload.workload, Layout::Narrow, &format!("ladder-{n}")) {
                        figure data-workload=(workload.workload) {
                            figcaption { b { (workload.workload) } " " (workload.title) }
                            (picture)
                        }
                    }
                }
            }
        }
    };
    Some(Section {
        id: "ladder",
        title: "The cold-start ladder",
        body,
    })
}
