//! All histograms of a run, for tools that read HdrHistogram logs.

use maud::{Markup, html};
use plimsoll_record::run::WorkloadRecord;
use plimsoll_record::{Clock, WorkloadId};

use super::sections::Way;
use crate::facts::Facts;
use crate::page::parts::Place;

/// Downloads of histograms, for as many ways of serving as fit.
pub(crate) fn downloads(
    facts: &Facts<'_>,
    workload: &WorkloadRecord,
    ways: &[Way<'_>],
    place: &Place<'_>,
) -> Markup {
    let part = place.budget.part(2);
    let (mut carried, mut skipped) = (Vec::new(), 0);
    for way in ways {
        let log = log(facts, &workload.workload, way);
        if log.is_empty() {
            continue;
        }
        let link = html! {
            li {
                a download={ (workload.workload) "-" (way.target.as_str().replace('/', "-")) "-" (way.boundary) ".hlog" }
                  href={ "data:text/plain;charset=utf-8," (encoded(&log)) } { (way.name()) }
            }
        };
        match part.take(link) {
            Some(link) => carried.push(link),
            None => skipped += 1,
        }
    }
    html! {
        details {
            summary { "The histograms, for tools that read HdrHistogram logs" }
            p { "One file a target, a line for each trial and rate (tagged), nanoseconds, three significant digits." }
            ul.plain { @for link in &carried { (link) } }
            @if skipped > 0 {
                p.without { "Of " (skipped) " more there is no room here; their histograms are lines of " code { "samples.ndjson" } " in the run directory." }
            }
        }
    }
}

/// An HdrHistogram log (format 1.3): tag, start and length in seconds, maximum, histogram.
fn log(facts: &Facts<'_>, workload: &WorkloadId, way: &Way<'_>) -> String {
    let window = facts.recorded.run.load.as_ref();
    let seconds = window.map_or(0.0, |load| load.window_ns as f64 / 1e9);
    let mut log = String::new();
    for plan in &facts.recorded.run.plan {
        let Some(trial) = facts.recorded.trials.get(&plan.index) else {
            continue;
        };
        if plan.workload != *workload || plan.target != *way.target {
            continue;
        }
        let lines = trial.histograms.iter().filter(|l| l.second.is_none());
        for line in lines.filter(|l| l.boundary == way.boundary && l.clock == Clock::Due) {
            let start = trial.outcome.started_ns as f64 / 1e9;
            let most = plimsoll_analysis::load::decoded(line).map_or(0, |one| one.max());
            log.push_str(&format!(
                "Tag=trial{}-at{},{start:.3},{seconds:.3},{most}.000,{}\n",
                plan.index, line.at, line.v2
            ));
        }
    }
    match log.is_empty() {
        true => log,
        false => format!("#[Histogram log format version 1.3]\n{log}"),
    }
}

/// Escapes text for a `data:` URL.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + text.len() / 8);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
