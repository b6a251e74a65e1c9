//! Marks, defined once for the page, and the keys of legends.

use maud::{Markup, PreEscaped, html};
use plimsoll_record::Boundary;

use crate::picture::canvas::Mark;
use crate::picture::ladder::RUNGS;
use crate::picture::mark::{self, LOOKS};

/// Definitions of all marks and legend keys, for this number of curves.
pub(crate) fn symbols(curves: usize) -> Markup {
    let symbol = |id: String, mark: Mark| {
        html! { symbol id=(id) viewBox="0 0 26 16" { (PreEscaped(mark::key(mark))) } }
    };
    let definition = |mark: Mark| {
        html! { g id=(mark.id()) { (PreEscaped(mark::definition(mark))) } }
    };
    html! {
        svg.unseen aria-hidden="true" width="0" height="0" {
            @for boundary in RUNGS {
                (definition(Mark::Boundary(boundary)))
                (symbol(key(boundary), Mark::Boundary(boundary)))
            }
            @for n in 0..curves.min(LOOKS) {
                (definition(Mark::Curve(n)))
                (symbol(format!("k-c{n}"), Mark::Curve(n)))
            }
        }
    }
}

pub(crate) fn key(boundary: Boundary) -> String {
    format!("k-{}", boundary.name().to_lowercase())
}

/// A legend key by the id of its symbol.
pub(crate) fn shown(id: &str) -> Markup {
    html! { svg.key aria-hidden="true" width="26" height="16" { use href={ "#" (id) } {} } }
}

/// The legend's line for the n-th curve.
pub(crate) fn curve_key(n: usize, target: &str, name: &str) -> Markup {
    html! { li data-t=(target) { (shown(&format!("k-c{}", n % LOOKS))) span { (name) } } }
}
