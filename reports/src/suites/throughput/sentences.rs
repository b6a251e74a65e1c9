//! Key sentences of a throughput run.

use plimsoll_analysis::series::SeriesKey;
use plimsoll_analysis::statistics::{Interval, WarmUp};
use plimsoll_analysis::throughput::{Cell, Mean, Standing, Throughput, geometric_mean};
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Metric, TargetId, WorkloadId};

use crate::facts::Facts;
use crate::quantity;
use crate::quantity::list;

/// Sentences, most important first.
pub(crate) fn sentences(facts: &Facts<'_>, throughput: &Throughput) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(reference) = &throughput.reference {
        if let Some((standing, held)) = quickest(throughput, |s| s.kind == TargetKind::Wasm) {
            let mean = match throughput.common.len() {
                0 | 1 => "median",
                _ => "geometric mean",
            };
            said.push(format!(
                "Over {} ({mean}, wall time of a run) the quickest Wasm target, {}, {}.",
                programs(&throughput.common),
                standing.target,
                takes(held.ratio, held.ci95, reference),
            ));
            said.extend(range(standing, reference));
        }
        if let Some((standing, mean)) = quickest(throughput, |s| s.kind == TargetKind::Container) {
            said.push(format!(
                "The same native program inside a container of {} {}.",
                standing.target,
                takes(mean.ratio, mean.ci95, reference)
            ));
        }
    }
    said.extend(ours(facts, throughput));
    said.push(settled(throughput));
    said
}

/// Maximum programs named in a sentence.
const NAMED: usize = 5;

/// `json, regex and sqlite`; only their number if there are many.
pub(crate) fn programs(workloads: &[WorkloadId]) -> String {
    match workloads.len() {
        0..=NAMED => list(
            &workloads
                .iter()
                .map(WorkloadId::to_string)
                .collect::<Vec<_>>(),
        ),
        many => format!("{many} programs"),
    }
}

/// The target with the lowest mean wall time among those accepted by `wanted`.
fn quickest(
    throughput: &Throughput,
    wanted: impl Fn(&Standing) -> bool,
) -> Option<(&Standing, &Mean)> {
    throughput
        .standings
        .iter()
        .filter(|standing| wanted(standing))
        .filter_map(|standing| Some((standing, standing.mean(Metric::WallTime)?)))
        .min_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio))
}

/// `takes 1.19× (1.17 to 1.21×) as long as native`, or that no difference is shown.
fn takes(ratio: f64, ci95: Option<Interval>, reference: &TargetId) -> String {
    let held = quantity::ratio(ratio);
    match ci95 {
        Some(ci) if ci.low <= 1.0 && ci.high >= 1.0 => format!(
            "is not shown to differ from {reference} ({}, 95 % interval {})",
            held,
            quantity::ratio_interval(ci)
        ),
        Some(ci) => format!(
            "takes {held} ({}) as long as {reference}",
            quantity::ratio_interval(ci)
        ),
        None => format!("takes {held} as long as {reference} (too few trials for an interval)"),
    }
}

/// Range of a target's ratio over the workloads.
fn range(standing: &Standing, reference: &TargetId) -> Option<String> {
    let mut ratios: Vec<(f64, &Cell)> = standing
        .cells
        .iter()
        .filter_map(|cell| Some((cell.ratio(Metric::WallTime)?.ratio, cell)))
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (least, most) = (ratios.first()?, ratios.last()?);
    (ratios.len() > 1).then(|| {
        format!(
            "Workload by workload it takes from {} ({}) to {} ({}) as long as {reference}: one figure does not carry over to another program.",
            quantity::ratio(least.0),
            least.1.workload,
            quantity::ratio(most.0),
            most.1.workload
        )
    })
}

/// This project's own engine compared with the fastest other Wasm target, in one sentence.
fn ours(facts: &Facts<'_>, throughput: &Throughput) -> Option<String> {
    let is_ours = |standing: &Standing| facts.is_ours(&standing.target);
    let by_time = |wanted: &dyn Fn(&Standing) -> bool| {
        let wasm = |s: &Standing| s.kind == TargetKind::Wasm && wanted(s);
        quickest(throughput, wasm).map(|(standing, _)| &standing.target)
    };
    let mine = by_time(&is_ours)?;
    let other = by_time(&|standing| !is_ours(standing))?;
    let series = |target: &TargetId, workload: &WorkloadId| {
        facts.series(&SeriesKey {
            workload: workload.clone(),
            target: target.clone(),
            boundary: Boundary::Run,
            metric: Metric::WallTime,
            at: None,
        })
    };
    let members: Vec<_> = throughput
        .common
        .iter()
        .map(|workload| Some((series(mine, workload)?, series(other, workload)?)))
        .collect::<Option<_>>()?;
    let seed = facts.recorded.run.seed;
    let mean = geometric_mean(
        &format!("{mine} over {other}"),
        Metric::WallTime,
        &members,
        seed,
    )?;
    Some(format!(
        "{} is this project's own engine. Over {} it {}, the quickest other Wasm target.",
        mine.engine(),
        programs(&throughput.common),
        takes(mean.ratio, mean.ci95, other)
    ))
}

/// Whether a process's runs are steady from the first one on.
fn settled(throughput: &Throughput) -> String {
    let (mut all, mut slow, mut unsettled, mut unknown) = (0_u64, 0_u64, 0_u64, 0_u64);
    for cell in throughput.standings.iter().flat_map(|s| &s.cells) {
        if cell.median.is_some() {
            all += 1;
            match cell.warm_up {
                WarmUp::Steady => {}
                WarmUp::SlowStart { .. } => slow += 1,
                WarmUp::NoSteadyState => unsettled += 1,
                WarmUp::TooShort => unknown += 1,
            }
        }
    }
    let mut parts = Vec::new();
    for (count, what) in [
        (slow, "start slow"),
        (unsettled, "come to no steady state"),
        (unknown, "are too short to say"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    match parts.is_empty() {
        true => format!(
            "Runs inside one process are alike from the first on, in all {}.",
            format_args!("{all} pairs of target and workload")
        ),
        false => format!(
            "Of {all} pairs of target and workload {} over the runs of a process; every run counts.",
            list(&parts)
        ),
    }
}
