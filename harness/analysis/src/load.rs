//! Latencies under load: histograms, percentiles, the highest rate achieved.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use plimsoll_record::reader::Trial;
use plimsoll_record::run::TrialPlan;
use plimsoll_record::{
    Boundary, Clock, HistogramLine, Metric, Outcome, Recorded, TargetId, WorkloadId,
};

/// Minimum requests of a trial beyond a percentile for stating it: one or two would be pure chance.
const BEYOND: f64 = 5.0;
/// Share of an offered rate that a server must achieve to sustain it.
const SUSTAINED: f64 = 0.95;

/// A value computed from a trial's histograms or rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Derived {
    /// Boundary, metric and level.
    pub(crate) place: (Boundary, Metric, Option<u64>),
    pub(crate) value: f64,
}

/// The values computed from a trial's histograms and rates.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Derivation {
    /// Percentiles at every rate, and the highest rate achieved.
    pub(crate) values: Vec<Derived>,
    /// Damaged histograms: boundary and requests offered per second.
    pub(crate) damaged: Vec<(Boundary, u64)>,
}

/// Reads a trial's histograms and rates.
pub(crate) fn derived(trial: &Trial) -> Derivation {
    let mut derived = Vec::new();
    let mut damaged = Vec::new();
    for line in &trial.histograms {
        if line.clock != Clock::Due || line.second.is_some() {
            continue;
        }
        let Some(histogram) = decoded(line) else {
            damaged.push((line.boundary, line.at));
            continue;
        };
        for &(metric, quantile) in Metric::PERCENTILES {
            if histogram.len() as f64 * (1.0 - quantile) >= BEYOND {
                derived.push(Derived {
                    place: (line.boundary, metric, level(line)),
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
    Derivation {
        values: derived,
        damaged,
    }
}

/// The level of a percentile: the rate; a server beside a neighbour has one rate and no levels.
fn level(line: &HistogramLine) -> Option<u64> {
    let one_rate = matches!(line.boundary, Boundary::Beside | Boundary::BesideLimited);
    (!one_rate).then_some(line.at)
}

/// Size of the header of a histogram in HdrHistogram's V2 encoding, uncompressed, bytes.
const HEADER: usize = 40;

/// Maximum size of an inflated histogram, bytes: three significant digits over all 64 bits take a tenth of
/// it.
const MOST_INFLATED: u64 = 8 << 20;

/// The histogram of a line, in nanoseconds; `None` if it cannot be decoded.
///
/// Inflated here with a limit, because the crate reserves the length in the header before it has read that
/// much.
pub fn decoded(line: &HistogramLine) -> Option<Histogram<u64>> {
    let bytes = STANDARD.decode(&line.v2).ok()?;
    // Skips a cookie and a length, 4 bytes each.
    let deflated = bytes.get(8..)?;
    let mut plain = Vec::new();
    ZlibDecoder::new(deflated)
        .take(MOST_INFLATED)
        .read_to_end(&mut plain)
        .ok()?;
    let claimed = plain.get(4..8)?.try_into().ok().map(u32::from_be_bytes)?;
    let highest = plain.get(24..32)?.try_into().ok().map(u64::from_be_bytes)?;
    let fits = claimed as usize == plain.len().checked_sub(HEADER)?;
    if !fits || highest > i64::MAX as u64 {
        return None;
    }
    Deserializer::new().deserialize(&mut plain.as_slice()).ok()
}

/// The latencies of all counting trials by second of the window. Empty if no seconds are recorded.
pub fn seconds(
    recorded: &Recorded,
    workload: &WorkloadId,
    target: &TargetId,
    boundary: Boundary,
    clock: Clock,
    at: u64,
) -> Vec<(u32, Histogram<u64>)> {
    let mut all: BTreeMap<u32, Histogram<u64>> = BTreeMap::new();
    for line in counting(recorded, workload, target) {
        let Some(second) = line.second else {
            continue;
        };
        if (line.boundary, line.clock, line.at) != (boundary, clock, at) {
            continue;
        }
        let Some(one) = decoded(line) else {
            continue;
        };
        match all.get_mut(&second) {
            None => {
                all.insert(second, one);
            }
            // The histograms have equal bounds, because the same program made them.
            Some(all) => {
                let _ = all.add(&one);
            }
        }
    }
    all.into_iter().collect()
}

/// All histograms of the counting trials of a target on a workload.
fn counting<'a>(
    recorded: &'a Recorded,
    workload: &'a WorkloadId,
    target: &'a TargetId,
) -> impl Iterator<Item = &'a HistogramLine> {
    let is_meant = move |plan: &&TrialPlan| plan.workload == *workload && plan.target == *target;
    let trials = recorded.run.plan.iter().filter(is_meant);
    trials
        .filter_map(|plan| recorded.trials.get(&plan.index))
        .filter(|trial| matches!(trial.outcome.outcome, Outcome::Ok))
        .flat_map(|trial| &trial.histograms)
}

/// Whether a server that answered `achieved` requests per second sustained the offered `rate`.
pub fn is_sustained(achieved: f64, rate: u64) -> bool {
    achieved >= SUSTAINED * rate as f64
}

/// The latencies of all counting trials of a target at one rate, merged, for drawing a tail. `None` if there
/// are none.
pub fn merged(
    recorded: &Recorded,
    workload: &WorkloadId,
    target: &TargetId,
    boundary: Boundary,
    clock: Clock,
    at: u64,
) -> Option<Histogram<u64>> {
    let mut all: Option<Histogram<u64>> = None;
    let lines = counting(recorded, workload, target).filter(|line| line.second.is_none());
    for line in lines.filter(|l| (l.boundary, l.clock, l.at) == (boundary, clock, at)) {
        let one = decoded(line)?;
        match &mut all {
            None => all = Some(one),
            Some(all) => all.add(&one).ok()?,
        }
    }
    all
}
