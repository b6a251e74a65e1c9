//! Throughput: the ratio of the guest's execution time to native.

use maud::{Markup, PreEscaped, html};
use plimsoll_analysis::statistics::Interval;
use plimsoll_analysis::throughput::{Cell, Standing, Throughput};
use plimsoll_record::{Metric, TargetId, WorkloadId};

use crate::facts::Facts;
use crate::page::marks::mark;
use crate::page::parts::{Place, Section, without};
use crate::page::tables::metric_in_words;
use crate::picture::bars::{Bar, bars};
use crate::picture::ladder::Layout;
use crate::quantity;
use crate::suites::throughput::sentences::programs;

pub(crate) fn section(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let throughput = facts.throughput()?;
    let body = html! {
        @match &throughput.reference {
            Some(reference) => (pictures(facts, throughput, reference, place)),
            None => p { "Native code was not measured in this run, so there is nothing to hold the targets against; their times are below." },
        }
        @match place.budget.part(2).draw(|| table(facts, throughput, place)) {
            Some(table) => (table),
            None => {
                (matrix(throughput, place))
                (without(facts, "Processor time, cycles, instructions and warm-up of each pair are not", &throughput.workloads.iter().collect::<Vec<_>>()))
            }
        }
        p {
            "A run is the guest's own code, from its first instruction to its end: " code { "_start" } " of a fresh instance in an engine that has loaded the module, "
            "or a native process between its exec and its call of exit, outside or inside a container. Making the instance or process and giving it up lies outside; "
            "the cycle has both inside. Processor time is that of the whole process that holds the guest. "
            b { "Instructions: " }
            @match facts.recorded.run.instructions() {
                Some(said) => { (said) ". " },
                None => { "not looked for. " },
            }
            @if throughput.metrics().contains(&Metric::Instructions) {
                "A target without a figure was refused the counter, as a container's filter does."
            } @else {
                "No column stands for what was not measured."
            }
        }
    };
    Some(Section {
        id: "throughput",
        title: "How fast it runs",
        body,
    })
}

fn pictures(
    facts: &Facts<'_>,
    throughput: &Throughput,
    reference: &TargetId,
    place: &Place<'_>,
) -> Markup {
    let means = means(throughput, reference);
    let panels: Vec<(&WorkloadId, Vec<Bar<'_>>)> = throughput
        .workloads
        .iter()
        .map(|workload| (workload, of_workload(throughput, reference, workload)))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    // One axis for all charts, so that bars are comparable across them.
    let most = means
        .iter()
        .chain(panels.iter().flat_map(|(_, bars)| bars))
        .map(|bar| bar.ci95.map_or(bar.ratio, |ci| ci.high.max(bar.ratio)))
        .fold(1.0, f64::max);
    let draw = |shown: &[Bar<'_>], title: &str, layout, id: &str| {
        PreEscaped(bars(shown, most, reference, title, layout, &place.id(id)))
    };
    let part = place.budget.part(3);
    let (mut drawn, mut undrawn) = (Vec::new(), Vec::new());
    for (n, (workload, shown)) in panels.iter().enumerate() {
        let picture = part.draw(|| {
            html! {
                figure data-workload=(workload) {
                    figcaption { b { (workload) } " " (facts.title(workload)) }
                    (draw(shown, &format!("Times {reference} on {workload}"), Layout::Narrow, &format!("bars-{n}")))
                }
            }
        });
        match picture {
            Some(picture) => drawn.push(picture),
            None => undrawn.push(*workload),
        }
    }
    html! {
        p {
            "Wall time of a run as a multiple of " b { (reference) } ": a bar that ends at the line at 1 is as fast, a shorter one is faster. "
            "Whiskers are 95 % intervals over trials."
        }
        @if throughput.common.len() > 1 && !means.is_empty() {
            @let title = format!("Geometric mean over {}", programs(&throughput.common));
            figure.lead {
                figcaption { b { "Geometric mean" } " over " (programs(&throughput.common)) ": what every compared target completed" }
                div.wide { (draw(&means, &title, Layout::Wide, "bars-mean-wide")) }
                div.narrow { (draw(&means, &title, Layout::Narrow, "bars-mean-narrow")) }
            }
        }
        div.multiples { @for picture in &drawn { (picture) } }
        @for sentence in throughput.left_out() { p { (sentence) } }
        (without(facts, "Not drawn", &undrawn))
    }
}

fn means<'t>(throughput: &'t Throughput, reference: &TargetId) -> Vec<Bar<'t>> {
    let others = throughput.standings.iter();
    others
        .filter(|standing| standing.target != *reference)
        .filter_map(|standing| {
            let mean = standing.mean(Metric::WallTime)?;
            Some(Bar {
                target: &standing.target,
                kind: standing.kind,
                ratio: mean.ratio,
                ci95: mean.ci95,
            })
        })
        .collect()
}

fn of_workload<'t>(
    throughput: &'t Throughput,
    reference: &TargetId,
    workload: &WorkloadId,
) -> Vec<Bar<'t>> {
    let others = throughput.standings.iter();
    others
        .filter(|standing| standing.target != *reference)
        .filter_map(|standing| {
            let ratio = standing.cell(workload)?.ratio(Metric::WallTime)?;
            Some(Bar {
                target: &standing.target,
                kind: standing.kind,
                ratio: ratio.ratio,
                ci95: ratio.ci95,
            })
        })
        .collect()
}

/// Ratios of wall time only: targets by workload.
fn matrix(throughput: &Throughput, place: &Place<'_>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(place.label("Times native, wall time")) {
            table.matrix {
                caption.unseen { "Times native in wall time, by target and workload" }
                thead { tr {
                    th scope="col" { "target" }
                    @for workload in &throughput.workloads { th scope="col" { (workload) } }
                } }
                tbody {
                    @for standing in &throughput.standings {
                        tr {
                            th scope="row" { (standing.target) }
                            @for workload in &throughput.workloads {
                                td { @if let Some(ratio) = standing.cell(workload).and_then(|cell| cell.ratio(Metric::WallTime)) { (times(ratio.ratio, ratio.ci95)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// All ratios: one row per target and workload, the means last.
fn table(facts: &Facts<'_>, throughput: &Throughput, place: &Place<'_>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(place.label("Times native, every number")) {
            table.ratios {
                caption.unseen { "Times native by workload and target, with warm-up" }
                thead { tr {
                    th scope="col" { "workload" }
                    th scope="col" { "target" }
                    th.n scope="col" { "a run" }
                    @for metric in throughput.metrics() { th.n scope="col" { "times native, " (metric_in_words(metric)) } }
                    th scope="col" { "runs of a process" }
                } }
                tbody {
                    @for workload in &throughput.workloads {
                        @for standing in &throughput.standings {
                            @if let Some(cell) = standing.cell(workload) { (row(facts, workload, standing, cell, throughput)) }
                        }
                    }
                    @if throughput.common.len() > 1 {
                        @for standing in throughput.standings.iter().filter(|s| Some(&s.target) != throughput.reference.as_ref() && !s.means.is_empty()) {
                            tr {
                                td { b { "geometric mean" } " of " (throughput.common.len()) }
                                th scope="row" { (standing.target) }
                                td.n {}
                                @for metric in throughput.metrics() {
                                    td.n { @if let Some(mean) = standing.mean(metric) { (times(mean.ratio, mean.ci95)) } }
                                }
                                td {}
                            }
                        }
                    }
                }
            }
        }
    }
}

fn row(
    facts: &Facts<'_>,
    workload: &WorkloadId,
    standing: &Standing,
    cell: &Cell,
    throughput: &Throughput,
) -> Markup {
    let is_reference = Some(&standing.target) == throughput.reference.as_ref();
    let shown = cell.ratio(Metric::WallTime).and_then(|ratio| ratio.ci95);
    let same = shown.is_some_and(|ci| ci.low <= 1.0 && ci.high >= 1.0);
    html! {
        tr.same[same] data-workload=(workload) {
            td { (workload) }
            th scope="row" { (standing.target) (mark(facts, &standing.target, workload)) }
            td.n {
                @match cell.median {
                    Some(median) => (quantity::duration(median)),
                    None => span.status { "no number" },
                }
            }
            @for metric in throughput.metrics() {
                td.n {
                    @if is_reference { span.dim { "1" } }
                    @else if let Some(ratio) = cell.ratio(metric) { (times(ratio.ratio, ratio.ci95)) }
                }
            }
            td { @if cell.median.is_some() { (cell.warm_up.words()) } }
        }
    }
}

fn times(ratio: f64, ci95: Option<Interval>) -> Markup {
    html! {
        (quantity::ratio(ratio))
        @if let Some(ci) = ci95 { i { (quantity::ratio_interval(ci)) } }
    }
}
