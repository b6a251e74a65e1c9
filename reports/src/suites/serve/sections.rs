//! Servers under load: overview, latency by rate, latency by percentile, all numbers.

use maud::{Markup, PreEscaped, html};
use plimsoll_analysis::load::merged;
use plimsoll_analysis::statistics::Interval;
use plimsoll_analysis::{Row, Status};
use plimsoll_record::run::{TargetKind, WorkloadRecord};
use plimsoll_record::{Boundary, Clock, Metric, Suite, WorkloadId};

use super::ways::{Way, common_rate, lives, rates, row, ways};
use crate::facts::Facts;
use crate::page::legend::curve_key;
use crate::page::parts::{Place, Section};
use crate::page::parts::{heading, in_words, kind_class};
use crate::page::tables::status;
use crate::picture::canvas::Caption;
use crate::picture::load::{Curve, Points, Tick, WIDTH, curves};
use crate::quantity;
use crate::suites;

/// The first screen.
pub(crate) fn summary(facts: &Facts<'_>, place: &Place<'_>) -> Markup {
    html! {
        (heading(facts, place, suites::question(Suite::Serve).asked, "HTTP service"))
        (glance(facts, place))
    }
}

fn glance(facts: &Facts<'_>, place: &Place<'_>) -> Markup {
    let Some(lead) = facts.lead() else {
        return html! {};
    };
    let id = &lead.workload;
    let ways = ways(facts, id);
    let rate = common_rate(facts, id).unwrap_or(0);
    let p99 = |way: &Way<'_>| row(facts, id, way, Metric::P99, Some(rate));
    let metric = match ways.iter().any(|way| p99(way).is_some()) {
        true => Metric::P99,
        false => Metric::P50,
    };
    let line = |metric, at| {
        let lines = ways
            .iter()
            .filter_map(move |way| Some((way.name(), way.kind, row(facts, id, way, metric, at)?)));
        lines.collect::<Vec<_>>()
    };
    let zero = facts.targets().iter().filter_map(|record| {
        let row = facts.wall(id, &record.target, Boundary::FirstResponse)?;
        Some((record.target.to_string(), record.kind, row))
    });
    html! {
        section.glance aria-label=(place.label("At a glance")) {
            (card(
                &format!("{} at {} requests per second", percentile(metric), quantity::grouped(rate)),
                "From when a request was due to the last byte of its response. The highest rate that all sustained.",
                line(metric, Some(rate)),
                Best::Least,
            ))
            (card(
                "Most that was answered",
                "Requests answered right, a second, at whatever rate was offered. Load generator and server share the machine.",
                line(Metric::AchievedRate, None),
                Best::Most,
            ))
            (card(
                "From zero",
                "Nothing running to the last byte of the first response: process or container started, engine and module loaded, one request.",
                zero.collect(),
                Best::Least,
            ))
            div.card {
                h2 { "How it was loaded" }
                p.meaning {
                    "Requests are due at a constant rate, whatever became of those before: a server that stalls keeps getting requests, and the wait counts. "
                    @if let Some(load) = &facts.recorded.run.load {
                        (quantity::grouped(load.connections.into())) " connections, "
                        (quantity::duration(load.window_ns as f64)) " at each rate, given up after "
                        (quantity::duration(load.timeout_ns as f64)) ". "
                    }
                    "Every response is compared byte by byte."
                }
                @for life in lives(&ways) {
                    p.meaning { b { (life.name()) } ": " (life.isolation()) "." }
                }
            }
            (in_words(&suites::sentences(facts)))
        }
    }
}

/// Sort order of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Best {
    Least,
    Most,
}

fn card(
    title: &str,
    meaning: &str,
    mut lines: Vec<(String, TargetKind, &Row)>,
    best: Best,
) -> Markup {
    let value = |row: &Row| row.median.unwrap_or(f64::NAN);
    lines.sort_by(|a, b| match best {
        Best::Least => value(a.2).total_cmp(&value(b.2)),
        Best::Most => value(b.2).total_cmp(&value(a.2)),
    });
    // Rows without a number come last in either order.
    lines.sort_by_key(|line| line.2.median.is_none());
    // Each engine's best configuration with and without a fresh instance; the others are listed below.
    let mut known = Vec::new();
    lines.retain(|(_, _, row)| {
        let way = (row.target.engine().to_owned(), row.boundary);
        let first = !known.contains(&way);
        known.push(way);
        first
    });
    let most = lines
        .iter()
        .filter_map(|line| line.2.median)
        .fold(0.0, f64::max);
    html! {
        div.card {
            h2 { (title) }
            p.meaning { (meaning) }
            table {
                caption.unseen { (title) }
                thead { tr { th scope="col" { "target" } th.n scope="col" { "median, 95 % interval" } } }
                tbody {
                    @for (name, kind, row) in &lines {
                        tr {
                            th scope="row" {
                                (name)
                                @if let Some(median) = row.median {
                                    span class={ "bar " (kind_class(*kind)) } style={ "--w:" (format!("{:.1}", 100.0 * median / most.max(1.0))) "%" } {}
                                }
                            }
                            td.n { (value_cell(Some(row))) }
                        }
                    }
                }
            }
        }
    }
}

/// A median with its interval, or why there is none.
fn value_cell(row: Option<&Row>) -> Markup {
    html! {
        @match row {
            None => {},
            Some(row) => @match row.median {
                Some(median) => {
                    (quantity::value(median, row.unit))
                    @if let Some([low, high]) = row.ci95
                        && quantity::value(low, row.unit) != quantity::value(high, row.unit)
                    {
                        i { (quantity::interval(Interval { low, high }, row.unit)) }
                    }
                }
                None => span.status { (status(row.status)) },
            },
        }
    }
}

fn percentile(metric: Metric) -> String {
    match metric {
        Metric::P50 => "Median latency".to_owned(),
        other => format!("{other} latency"),
    }
}

/// Latency by rate.
pub(crate) fn by_rate(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let rates = rates(facts);
    let (first, last) = (*rates.first()? as f64, *rates.last()? as f64);
    let share = |rate: u64| match last > first {
        true => (rate as f64 / first).ln() / (last / first).ln(),
        false => 0.5,
    };
    let ticks: Vec<Tick> = rates
        .iter()
        .map(|&rate| (share(rate), format!("{}/s", quantity::grouped(rate))))
        .collect();
    let body = html! {
        p {
            "Requests offered a second from left to right, latency upwards, both logarithmic. A curve ends at the first rate that its server "
            "did not carry, or where there were too few requests for the percentile. The lower and the longer, the better."
        }
        @for (w, workload) in facts.workloads().iter().enumerate() {
            @let ways = ways(facts, &workload.workload);
            div.curves data-workload=(workload.workload) {
            (legend(&ways))
            div.pair {
                @for metric in [Metric::P50, Metric::P99] {
                    @let lines = ways.iter().map(|way| Curve {
                        target: way.target.as_str(),
                        place: way.place,
                        points: rates.iter().filter_map(|&rate| {
                            let row = row(facts, &workload.workload, way, metric, Some(rate))?;
                            Some((share(rate), row.median?))
                        }).collect(),
                    }).collect::<Vec<_>>();
                    (figure(&lines, &ticks, Points::Marked, workload, &percentile(metric), &place.id(&format!("rate-{w}-{}", metric.name()))))
                }
            }
            }
        }
    };
    Some(Section {
        id: "rates",
        title: "Latency by rate",
        body,
    })
}

fn figure(
    lines: &[Curve<'_>],
    ticks: &[Tick],
    points: Points,
    workload: &WorkloadRecord,
    title: &str,
    id: &str,
) -> Markup {
    let caption = Caption {
        id: id.to_owned(),
        title: format!("{title} of {}", workload.workload),
        description: "A curve for each target and way of serving; the tables have the numbers."
            .to_owned(),
    };
    html! {
        figure {
            figcaption { b { (title) } " " (workload.workload) }
            @if let Some(drawn) = curves(lines, ticks, points, WIDTH, &caption) { (PreEscaped(drawn)) }
        }
    }
}

fn legend(ways: &[Way<'_>]) -> Markup {
    html! {
        ul.legend.small {
            @for way in ways { (curve_key(way.place, way.target.as_str(), &way.name())) }
        }
    }
}

/// Latency by percentile, at a rate that all sustained.
pub(crate) fn by_percentile(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    /// Tenths of a decade from the median to just beyond the 99.99th percentile.
    const TENTHS: std::ops::RangeInclusive<u32> = 0..=42;
    let lead = facts.lead()?;
    let rate = common_rate(facts, &lead.workload)?;
    let end = f64::from(*TENTHS.end()) / 10.0;
    let ticks: Vec<Tick> = [
        (0.301, "50 %"),
        (1.0, "90 %"),
        (2.0, "99 %"),
        (3.0, "99.9 %"),
        (4.0, "99.99 %"),
    ]
    .map(|(decades, text)| (decades / end, text.to_owned()))
    .into();
    let body = html! {
        p {
            "At " (quantity::grouped(rate)) " requests per second, the highest rate that all sustained: the latency that each percentage of requests stayed below, over "
            "all trials. A request that timed out counts with its time until then. The second picture, from when it was sent, is what a client that waits for "
            "each response would have seen: where the two differ, requests waited for a connection."
        }
        @for (w, workload) in facts.workloads().iter().enumerate() {
            @let ways = ways(facts, &workload.workload);
            @let lines = |clock| ways.iter().map(|way| {
                let all = merged(facts.recorded, &workload.workload, way.target, way.boundary, clock, rate);
                let points = all.map(|all| TENTHS.filter_map(|tenth| {
                    let decades = f64::from(tenth) / 10.0;
                    let beyond = 10_f64.powf(-decades);
                    (all.len() as f64 * beyond >= 1.0).then(|| (decades / end, all.value_at_quantile(1.0 - beyond) as f64))
                }).collect());
                Curve { target: way.target.as_str(), place: way.place, points: points.unwrap_or_default() }
            }).collect::<Vec<_>>();
            div.curves data-workload=(workload.workload) {
            (legend(&ways))
            div.pair {
                (figure(&lines(Clock::Due), &ticks, Points::LastMarked, workload, "From when it was due", &place.id(&format!("due-{w}"))))
                (figure(&lines(Clock::Sent), &ticks, Points::LastMarked, workload, "From when it was sent", &place.id(&format!("sent-{w}"))))
            }
            (super::histograms::downloads(facts, workload, &ways, place))
            }
        }
    };
    Some(Section {
        id: "tail",
        title: "Latency by percentile",
        body,
    })
}

/// All numbers with their intervals.
pub(crate) fn numbers(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let rates = rates(facts);
    let metrics = Metric::PERCENTILES.iter().map(|(metric, _)| *metric);
    let metrics = metrics.chain([Metric::AchievedRate, Metric::Errors, Metric::Timeouts]);
    let part = place.budget.part(2);
    let body = html! {
        p {
            "Medians over trials, with 95 % intervals over trials. A percentile is given where at least five requests of a trial lie beyond it; "
            "above the rate that a server sustains its figures say mostly how long it was overloaded."
        }
        @for workload in facts.workloads() {
            @let id = &workload.workload;
            @let ways = ways(facts, id);
            div data-workload=(id) {
                @for metric in metrics.clone() {
                    @let table = by_rate_in_numbers(facts, id, &ways, metric, &rates, place);
                    @match metric {
                        Metric::P50 | Metric::P99 | Metric::AchievedRate => (table),
                        _ => @match part.take(table) {
                            Some(table) => (table),
                            None => p.without { (what(metric)) ": no room here, the numbers are in " code { "bench report --csv" } "." },
                        },
                    }
                }
                (notes(facts, id))
            }
        }
    };
    Some(Section {
        id: "numbers",
        title: "The numbers",
        body,
    })
}

/// A metric of every way of serving at every rate.
fn by_rate_in_numbers(
    facts: &Facts<'_>,
    id: &WorkloadId,
    ways: &[Way<'_>],
    metric: Metric,
    rates: &[u64],
    place: &Place<'_>,
) -> Markup {
    html! {
        details open[matches!(metric, Metric::P50 | Metric::P99)] {
            summary { b { (what(metric)) } " " (id) }
            div.scroll tabindex="0" role="region" aria-label={ (what(metric)) " of " (id) ", " (place.id("load")) } {
                table.matrix {
                    caption.unseen { (what(metric)) " of " (id) " by target and rate" }
                    thead { tr {
                        th scope="col" { "target" }
                        @for rate in rates { th scope="col" { (quantity::grouped(*rate)) "/s" } }
                        @if metric == Metric::AchievedRate { th scope="col" { "most" } }
                    } }
                    tbody {
                        @for way in ways {
                            tr {
                                th scope="row" { (way.name()) }
                                @for rate in rates {
                                    td { (value_cell(row(facts, id, way, metric, Some(*rate)))) }
                                }
                                @if metric == Metric::AchievedRate {
                                    td { (value_cell(row(facts, id, way, metric, None))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A metric as a heading.
fn what(metric: Metric) -> String {
    match metric {
        Metric::AchievedRate => "Answered a second".to_owned(),
        Metric::Errors => "Failed or wrong".to_owned(),
        Metric::Timeouts => "Given up".to_owned(),
        other => percentile(other),
    }
}

/// Notes on single rows, each once.
fn notes(facts: &Facts<'_>, workload: &WorkloadId) -> Markup {
    let mut notes: Vec<String> = Vec::new();
    for row in facts.rows.iter().filter(|row| row.workload == *workload) {
        if row.status == Status::Ok || row.at.is_some() {
            continue;
        }
        let note = row.note.as_deref().unwrap_or("no reason was recorded");
        notes.push(format!("{} at {}: {note}", row.target, row.boundary));
    }
    html! {
        @if !notes.is_empty() {
            ul.plain { @for note in &notes { li { (note) } } }
        }
    }
}
