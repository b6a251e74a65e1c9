//! Latencies under load: histograms read back, percentiles, the rate that was carried.

use hdrhistogram::Histogram;
use plimsoll_record::reader::Trial;
use plimsoll_record::run::TrialPlan;
use plimsoll_record::{
    Boundary, Clock, HistogramLine, Metric, Outcome, Recorded, TargetId, WorkloadId,
};

/// Fewest requests of a trial that must lie beyond a percentile for it to be given: one or two
/// would be chance alone.
const BEYOND: f64 = 5.0;

/// A value that a trial gives beside its samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Derived {
    /// Where, what, and under which load.
    pub(crate) place: (Boundary, Metric, Option<u64>),
    pub(crate) value: f64,
}

/// What follows from a trial's histograms and rates: percentiles at every rate, and the highest
/// rate that was achieved at any.
pub(crate) fn derived(trial: &Trial) -> Vec<Derived> {
    let mut derived = Vec::new();
    for line in &trial.histograms {
        if line.clock != Clock::Due {
            continue;
        }
        let Some(histogram) = decoded(line) else {
            continue;
        };
        for &(metric, quantile) in Metric::PERCENTILES {
            if histogram.len() as f64 * (1.0 - quantile) >= BEYOND {
                derived.push(Derived {
                    place: (line.boundary, metric, Some(line.at)),
                    value: histogram.value_at_quantile(quantile) as f64,
                });
            }
        }
    }
    for boundary in [Boundary::Request, Boundary::FreshRequest] {
        let achieved = trial
            .samples
            .iter()
            .filter(|s| s.metric == Metric::AchievedRate && s.boundary == boundary)
            .map(|s| s.value);
        derived.extend(achieved.max().map(|most| Derived {
            place: (boundary, Metric::AchievedRate, None),
            value: most as f64,
        }));
    }
    derived
}

/// The histogram of a line, in nanoseconds; `None` if the line does not hold one.
pub fn decoded(line: &HistogramLine) -> Option<Histogram<u64>> {
    line.decoded()
}

/// The latencies of every counting trial of a target at one rate, put together: what the shape of
/// a tail is drawn from. `None` if there are none.
pub fn merged(
    recorded: &Recorded,
    workload: &WorkloadId,
    target: &TargetId,
    boundary: Boundary,
    clock: Clock,
    at: u64,
) -> Option<Histogram<u64>> {
    let is_meant = |plan: &&TrialPlan| plan.workload == *workload && plan.target == *target;
    let mut all: Option<Histogram<u64>> = None;
    for plan in recorded.run.plan.iter().filter(is_meant) {
        let Some(trial) = recorded.trials.get(&plan.index) else {
            continue;
        };
        if !matches!(trial.outcome.outcome, Outcome::Ok) {
            continue;
        }
        let lines = trial.histograms.iter();
        for line in lines.filter(|l| (l.boundary, l.clock, l.at) == (boundary, clock, at)) {
            let one = decoded(line)?;
            match &mut all {
                None => all = Some(one),
                Some(all) => all.add(&one).ok()?,
            }
        }
    }
    all
}
