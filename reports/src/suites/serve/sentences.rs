//! Key sentences of a serve run.

use plimsoll_analysis::Row;
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Metric};

use crate::facts::median;
use crate::facts::{Difference, Facts};
use crate::quantity;
use crate::suites::serve::ways::{Way, common_rate, row, ways};

/// Sentences, most important first.
pub(crate) fn sentences(facts: &Facts<'_>) -> Vec<String> {
    let Some(lead) = facts.lead() else {
        return vec!["Nothing was measured, so there is nothing to sum up.".to_owned()];
    };
    let id = &lead.workload;
    let ways = ways(facts, id);
    let rate = common_rate(facts, id);
    let ranked = |metric, at| {
        let rows = ways
            .iter()
            .filter_map(|way| Some((way, row(facts, id, way, metric, at)?)));
        let mut rows: Vec<(&Way<'_>, &Row)> =
            rows.filter(|(_, row)| row.median.is_some()).collect();
        rows.sort_by(|a, b| median(a.1).total_cmp(&median(b.1)));
        rows
    };
    let mut said = Vec::new();
    if let Some(rate) = rate {
        let p99 = ranked(Metric::P99, Some(rate));
        let (what, latencies) = match p99.is_empty() {
            true => ("median", ranked(Metric::P50, Some(rate))),
            false => ("99th percentile", p99),
        };
        said.extend(latency(rate, what, &latencies));
        said.extend(container_beside_wasm(facts, &latencies));
        said.extend(fresh_beside_kept(facts, &ranked(Metric::P50, Some(rate))));
        said.extend(ours(facts, what, &latencies));
    }
    said.extend(most(&ranked(Metric::AchievedRate, None)));
    said.extend(from_zero(facts));
    if said.is_empty() {
        said.push("No server answered, so there is nothing to sum up.".to_owned());
    }
    said
}

fn latency(rate: u64, what: &str, latencies: &[(&Way<'_>, &Row)]) -> Option<String> {
    let (least, greatest) = (latencies.first()?, latencies.last()?);
    let at = format!(
        "At {} requests per second, the highest rate that all sustained, the {what} of latency",
        quantity::grouped(rate)
    );
    let described = |(way, row): &(&Way<'_>, &Row)| {
        format!("{} ({})", quantity::duration(median(row)), way.name())
    };
    Some(match latencies.len() {
        1 => format!("{at} is {}.", described(least)),
        _ => format!(
            "{at} runs from {} to {}.",
            described(least),
            described(greatest)
        ),
    })
}

/// Compares two rows, larger first, or reports that no difference is shown.
fn beside(facts: &Facts<'_>, one: (&str, &Row), other: (&str, &Row)) -> Option<String> {
    let (slow, quick) = match median(one.1) >= median(other.1) {
        true => (one, other),
        false => (other, one),
    };
    let held = facts.ratio(slow.1, quick.1)?;
    let interval = held.ratio.ci95;
    let interval = interval.map_or_else(String::new, |ci| {
        format!(" ({})", quantity::ratio_interval(ci))
    });
    Some(match held.difference {
        Difference::Shown => format!(
            "{} takes {}{interval} as long as {}",
            slow.0,
            quantity::ratio(held.ratio.ratio),
            quick.0
        ),
        Difference::NotShown => {
            format!("no difference is shown between {} and {}", one.0, other.0)
        }
    })
}

/// The fastest container compared with the fastest Wasm target.
fn container_beside_wasm(facts: &Facts<'_>, latencies: &[(&Way<'_>, &Row)]) -> Option<String> {
    let best = |kind| latencies.iter().find(|(way, _)| way.kind == kind);
    let (wasm, container) = (best(TargetKind::Wasm)?, best(TargetKind::Container)?);
    let (of, to) = (container.0.name(), wasm.0.name());
    let held = beside(facts, (&of, container.1), (&to, wasm.1))?;
    Some(format!("Container beside Wasm, at that rate: {held}."))
}

/// The cost of a fresh instance per request, for the engine that is fastest at it.
fn fresh_beside_kept(facts: &Facts<'_>, medians: &[(&Way<'_>, &Row)]) -> Option<String> {
    let (fresh, row) = medians
        .iter()
        .find(|(way, _)| way.boundary == Boundary::FreshRequest)?;
    let (_, kept) = medians
        .iter()
        .find(|(way, _)| way.boundary == Boundary::Request && way.target() == fresh.target())?;
    let target = fresh.target();
    let held = beside(
        facts,
        ("an instance made for every request", row),
        ("one that a connection keeps", kept),
    )?;
    Some(format!("On {target} (median latency): {held}."))
}

/// This project's own engine compared with the fastest other Wasm target.
fn ours(facts: &Facts<'_>, what: &str, latencies: &[(&Way<'_>, &Row)]) -> Option<String> {
    let mut wasm = latencies
        .iter()
        .filter(|(way, _)| way.kind == TargetKind::Wasm);
    let mine = wasm.clone().find(|(way, _)| facts.is_ours(way.target()))?;
    let other = wasm.find(|(way, _)| !facts.is_ours(way.target()))?;
    let (of, to) = (mine.0.name(), other.0.name());
    let held = beside(facts, (&of, mine.1), (&to, other.1))?;
    Some(format!(
        "{} is this project's own engine. Beside the quickest other Wasm target ({what}, at that rate): {held}.",
        mine.0.target().engine()
    ))
}

fn most(rates: &[(&Way<'_>, &Row)]) -> Option<String> {
    let (least, greatest) = (rates.first()?, rates.last()?);
    let described = |(way, row): &(&Way<'_>, &Row)| {
        let rate = quantity::value(median(row), row.unit);
        format!("{rate} ({})", way.name())
    };
    (rates.len() > 1).then(|| {
        format!(
            "The most that was answered in a second, load generator and server on one machine: from {} to {}.",
            described(least),
            described(greatest)
        )
    })
}

/// Time from no running process to the first response.
fn from_zero(facts: &Facts<'_>) -> Option<String> {
    let id = &facts.lead()?.workload;
    let mut rows: Vec<&Row> = facts
        .targets()
        .iter()
        .filter_map(|target| facts.wall(id, &target.target, Boundary::FirstResponse))
        .filter(|row| row.median.is_some())
        .collect();
    rows.sort_by(|a, b| median(a).total_cmp(&median(b)));
    let (least, greatest) = (rows.first()?, rows.last()?);
    let described = |row: &Row| format!("{} ({})", quantity::duration(median(row)), row.target);
    let span = match rows.len() {
        1 => described(least),
        _ => format!("from {} to {}", described(least), described(greatest)),
    };
    let best = |kind| rows.iter().find(|row| facts.kind(&row.target) == kind);
    let versus = best(TargetKind::Wasm)
        .zip(best(TargetKind::Container))
        .and_then(|(wasm, container)| {
            let (of, to) = (container.target.to_string(), wasm.target.to_string());
            beside(facts, (&of, container), (&to, wasm))
        });
    let versus = versus.map_or_else(String::new, |versus| format!("; {versus}"));
    Some(format!(
        "From nothing running to the first response: {span}{versus}."
    ))
}
