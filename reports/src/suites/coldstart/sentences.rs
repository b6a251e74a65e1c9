//! Sentences of a cold-start run, most important first.
//!
//! Starts on a running platform and starts from nothing are never mixed.

use plimsoll_analysis::Row;
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, TargetId, WorkloadId};

use super::ranking::{Ranking, from_nothing, rank, running};
use crate::facts::{Against, Difference, Facts, median};
use crate::quantity::{self, list};

pub(crate) fn sentences(facts: &Facts<'_>) -> Vec<String> {
    let Some(lead) = facts.lead() else {
        return vec!["Nothing was measured, so there is nothing to sum up.".to_owned()];
    };
    let lead = &lead.workload;
    let nothing = from_nothing(facts, lead);
    let boundary = nothing.best(TargetKind::Wasm).map(|wasm| wasm.boundary);
    let all = [
        container_beside_wasm(facts, lead, &nothing),
        boundary.and_then(|boundary| over_workloads(facts, lead, boundary)),
        wasm_beside_native(facts, lead, &nothing),
        on_a_running_platform(facts, lead),
        containers_ahead(facts),
        ours(facts, lead, Detail::Ratios),
    ];
    let mut said: Vec<String> = all.into_iter().flatten().collect();
    if said.is_empty() {
        said.push(
            "One kind of target was measured, so there is nothing to compare it with.".to_owned(),
        );
    }
    said
}

/// Sentences for a terminal: container, Wasm and native compared at one boundary, and this project's own engine.
pub(crate) fn brief(facts: &Facts<'_>) -> Vec<String> {
    let Some(lead) = facts.lead() else {
        return Vec::new();
    };
    let lead = &lead.workload;
    let nothing = from_nothing(facts, lead);
    let all = [
        container_beside_wasm(facts, lead, &nothing),
        wasm_beside_native(facts, lead, &nothing),
        container_beside_native(facts, lead, &nothing),
        on_a_running_platform(facts, lead),
        ours(facts, lead, Detail::Boundaries),
    ];
    all.into_iter().flatten().collect()
}

fn container_beside_wasm(
    facts: &Facts<'_>,
    lead: &WorkloadId,
    nothing: &Ranking<'_>,
) -> Option<String> {
    let wasm = nothing.best(TargetKind::Wasm)?;
    let container = nothing.best(TargetKind::Container)?;
    let versus = versus(facts, container, wasm);
    let boundary = wasm.boundary;
    Some(format!("From nothing ({boundary}, {lead}): {versus}."))
}

fn wasm_beside_native(
    facts: &Facts<'_>,
    lead: &WorkloadId,
    nothing: &Ranking<'_>,
) -> Option<String> {
    let wasm = nothing.best(TargetKind::Wasm)?;
    let native = nothing.best(TargetKind::Native)?;
    let versus = versus(facts, wasm, native);
    let boundary = wasm.boundary;
    Some(format!(
        "Wasm beside native ({boundary}, {lead}): {versus}."
    ))
}

fn container_beside_native(
    facts: &Facts<'_>,
    lead: &WorkloadId,
    nothing: &Ranking<'_>,
) -> Option<String> {
    let container = nothing.best(TargetKind::Container)?;
    let native = nothing.best(TargetKind::Native)?;
    let versus = versus(facts, container, native);
    let boundary = container.boundary;
    Some(format!(
        "A container beside native ({boundary}, {lead}): {versus}."
    ))
}

fn on_a_running_platform(facts: &Facts<'_>, lead: &WorkloadId) -> Option<String> {
    let running = running(facts, lead);
    let wasm = running.best(TargetKind::Wasm)?;
    let container = running.best(TargetKind::Container)?;
    let versus = versus(facts, container, wasm);
    Some(format!(
        "On a platform already running ({lead}, {} and {}, both to the first output): {versus}.",
        wasm.boundary, container.boundary
    ))
}

/// Compares two rows, slower first: "a (178 ms) takes 190× (184 to 196×) as long as b (0.94 ms)".
fn versus(facts: &Facts<'_>, one: &Row, other: &Row) -> String {
    let (slow, quick) = match median(one) >= median(other) {
        true => (one, other),
        false => (other, one),
    };
    let named = |row: &Row| format!("{} ({})", row.target, quantity::duration(median(row)));
    match facts.ratio(slow, quick) {
        Some(Against {
            ratio,
            difference: Difference::Shown,
        }) => {
            let interval = ratio
                .ci95
                .map(|ci| format!(" ({})", quantity::ratio_interval(ci)));
            format!(
                "{} takes {}{} as long as {}",
                named(slow),
                quantity::ratio(ratio.ratio),
                interval.unwrap_or_default(),
                named(quick)
            )
        }
        _ => format!(
            "no difference is shown between {} and {}",
            named(one),
            named(other)
        ),
    }
}

/// Range over the workloads of the container's ratio to the fastest Wasm target.
fn over_workloads(facts: &Facts<'_>, lead: &WorkloadId, boundary: Boundary) -> Option<String> {
    let mut ratios: Vec<(f64, &WorkloadId)> = facts
        .workloads()
        .into_iter()
        .filter_map(|workload| {
            let ranking = rank(facts, &workload.workload, |_| boundary);
            let wasm = ranking.best(TargetKind::Wasm)?;
            let container = ranking.best(TargetKind::Container)?;
            Some((median(container) / median(wasm), &workload.workload))
        })
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (least, most) = (ratios.first()?, ratios.last()?);
    if ratios.len() < 2 || least.1 == most.1 {
        return None;
    }
    Some(format!(
        "Over {} workloads that ratio runs from {} ({}) to {} ({}): the more a program computes \
         before its first output, the less its start matters. {lead} does next to nothing.",
        ratios.len(),
        quantity::ratio(least.0),
        least.1,
        quantity::ratio(most.0),
        most.1
    ))
}

/// Where a container is faster than a Wasm target, or that it never is.
fn containers_ahead(facts: &Facts<'_>) -> Option<String> {
    let container = &facts.container()?.target;
    let mut compared = 0;
    let mut ahead = Vec::new();
    for row in facts.rows {
        if row.metric != plimsoll_record::Metric::WallTime
            || facts.kind(&row.target) != TargetKind::Wasm
        {
            continue;
        }
        if let Some(against) = facts.against(row, container) {
            compared += 1;
            if against.difference == Difference::Shown && against.ratio.ratio > 1.0 {
                ahead.push((against.ratio.ratio, row));
            }
        }
    }
    if compared == 0 {
        return None;
    }
    if ahead.is_empty() {
        return Some(format!(
            "{container} is not shown to be quicker than any Wasm target at any boundary that both have."
        ));
    }
    ahead.sort_by(|a, b| b.0.total_cmp(&a.0));
    let examples: Vec<String> = ahead
        .iter()
        .take(3)
        .map(|(ratio, row)| {
            format!(
                "{} on {} at {} ({} as long)",
                row.target,
                row.workload,
                row.boundary,
                quantity::ratio(*ratio)
            )
        })
        .collect();
    Some(format!(
        "{container} is quicker than a Wasm target in {} of {compared} comparisons at the same boundary, \
         most of all than {}.",
        ahead.len(),
        list(&examples)
    ))
}

/// Amount of detail per boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Only boundary names.
    Boundaries,
    /// Boundary names, the other target and the ratio.
    Ratios,
}

/// Where this project's own engine is ahead and behind, in one sentence.
fn ours(facts: &Facts<'_>, lead: &WorkloadId, detail: Detail) -> Option<String> {
    let (mut ahead, mut behind, mut open) = (Vec::new(), Vec::new(), Vec::new());
    let mut name: Option<&TargetId> = None;
    for &boundary in Boundary::LADDER {
        let rows = facts
            .targets()
            .iter()
            .filter(|t| t.kind == TargetKind::Wasm);
        let mut rows: Vec<&Row> = rows
            .filter_map(|t| facts.wall(lead, &t.target, boundary))
            .filter(|row| row.median.is_some())
            .collect();
        rows.sort_by(|a, b| median(a).total_cmp(&median(b)));
        let mine = rows.iter().find(|row| facts.is_ours(&row.target));
        let other = rows.iter().find(|row| !facts.is_ours(&row.target));
        let (Some(mine), Some(other)) = (mine, other) else {
            continue;
        };
        name.get_or_insert(&mine.target);
        let (slow, quick) = match median(mine) >= median(other) {
            true => (mine, other),
            false => (other, mine),
        };
        let Some(held) = facts.ratio(slow, quick) else {
            continue;
        };
        let by = quantity::ratio(held.ratio.ratio);
        if held.difference == Difference::NotShown {
            open.push(boundary.to_string());
        } else if detail == Detail::Boundaries {
            match median(mine) < median(other) {
                true => ahead.push(boundary.to_string()),
                false => behind.push(boundary.to_string()),
            }
        } else if median(mine) < median(other) {
            ahead.push(format!("{boundary} ({} takes {by} as long)", other.target));
        } else {
            behind.push(format!("{boundary} ({by} as long as {})", other.target));
        }
    }
    let engine = name?.engine();
    let mut parts = Vec::new();
    let mut add = |what: &str, places: &[String]| {
        if !places.is_empty() {
            parts.push(format!("{what} {}", list(places)));
        }
    };
    add("behind at", &behind);
    add("ahead at", &ahead);
    add("not shown to differ at", &open);
    Some(format!(
        "{engine} is this project's own engine. Beside the quickest other Wasm target, on {lead}, it is {}.",
        parts.join("; ")
    ))
}
