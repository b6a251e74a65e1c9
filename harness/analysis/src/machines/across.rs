//! Rows of several machines: each machine's median, medians over machines, and the sources of spread.

use std::collections::BTreeMap;

use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Metric, Run, Suite, TargetId, Unit, WorkloadId};
use serde::{Deserialize, Serialize};

use super::Fleet;
use crate::alike;
use crate::analyse::lost_trials;
use crate::reference::{pairs, quotient};
use crate::series::{Series, SeriesKey};
use crate::statistics::bootstrap::{Pair, median_interval, paired_ratio_interval};
use crate::statistics::clustered::{Draw, Method, over_machines};
use crate::statistics::{Components, components, generator, median};

/// A run with its series.
#[derive(Debug, Clone)]
pub struct Measured<'a> {
    /// The run.
    pub run: &'a Run,
    /// All series of the run.
    pub series: Vec<&'a Series>,
}

/// The combined results of several machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Across {
    /// The machines and their types.
    #[serde(flatten)]
    pub fleet: Fleet,
    /// One row per suite, series and program; then one per timed series of a target, as a ratio to native
    /// code on the same machine.
    pub rows: Vec<AcrossRow>,
}

/// One series, measured on several machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AcrossRow {
    /// The question.
    pub suite: Suite,
    /// The program.
    pub workload: WorkloadId,
    /// What was measured.
    pub target: TargetId,
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// What was measured there.
    pub metric: Metric,
    /// The level it was measured at; `None` for series without levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The unit of every value; `None` for a ratio.
    pub unit: Option<Unit>,
    /// For a ratio, the target on the same machine that values are divided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<TargetId>,
    /// Engine version and program hash, if machines differ in them; each variant has its own rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Results by machine, for all machines that planned it.
    pub by_machine: Vec<OnMachine>,
    /// One median per machine type, and one over all if there are several types.
    pub pooled: Vec<Pooled>,
}

/// One machine's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnMachine {
    /// Index of the machine in the fleet.
    pub machine: usize,
    /// Median over its trials; `None` if none counts.
    pub median: Option<f64>,
    /// 95 % interval over its trials.
    pub ci95: Option<[f64; 2]>,
    /// Trials that count.
    pub trials: u32,
    /// A note on the other trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A median over machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pooled {
    /// Index of the machine type in the fleet; `None` for a median over unlike machines.
    pub machine_type: Option<usize>,
    /// Machines with a result.
    pub machines: u32,
    /// Median over the machines' medians.
    pub median: f64,
    /// 95 % interval over machines like these; `None` for fewer than three machines, and for unlike ones,
    /// which are no sample of a population.
    pub ci95: Option<[f64; 2]>,
    /// The method of the interval.
    pub method: Method,
    /// Smallest and largest median of a machine.
    pub range: [f64; 2],
    /// The sources of spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Components>,
}

impl AcrossRow {
    /// The median over unlike machines, or else that of the only type.
    pub fn overall(&self) -> Option<&Pooled> {
        self.pooled.last()
    }
}

/// The identity for a comparison across machines: suite, key, and engine with program.
type Subject = (Suite, SeriesKey, String);

/// Combines the runs; `None` if they are of one machine.
pub fn across(runs: &[Measured<'_>]) -> Option<Across> {
    let all: Vec<&Run> = runs.iter().map(|one| one.run).collect();
    let fleet = Fleet::of(&all);
    if !fleet.is_several() {
        return None;
    }
    let mut order: Vec<Subject> = Vec::new();
    let mut found: BTreeMap<Subject, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
    for (number, machine) in fleet.machines.iter().enumerate() {
        for &place in &machine.runs {
            let run = runs[place].run;
            for series in &runs[place].series {
                let subject = (run.suite, series.key.clone(), program(run, &series.key));
                let by_machine = found.entry(subject.clone()).or_insert_with(|| {
                    order.push(subject);
                    BTreeMap::new()
                });
                by_machine.entry(number).or_default().push(place);
            }
        }
    }
    let mut variants: BTreeMap<(Suite, &SeriesKey), u32> = BTreeMap::new();
    for (suite, key, _) in &order {
        *variants.entry((*suite, key)).or_default() += 1;
    }
    let mut rows = Vec::new();
    let mut ratios = Vec::new();
    for subject in &order {
        let (suite, key, variant) = subject;
        let places = &found[subject];
        let variant = (variants[&(*suite, key)] > 1).then(|| variant.clone());
        rows.push(row(&fleet, runs, (*suite, key), places, variant.clone()));
        ratios.extend(ratio_row(&fleet, runs, (*suite, key), places, variant));
    }
    rows.append(&mut ratios);
    Some(Across { fleet, rows })
}

/// What must be equal for a common median: engine with version, program, noise reduction.
fn program(run: &Run, key: &SeriesKey) -> String {
    let hashes = alike::program(run, &key.workload, alike::kind_of(run, &key.target));
    let short = |hash: &str| hash.get(..8).unwrap_or(hash).to_owned();
    let hashes: Vec<String> = hashes.split(' ').map(short).collect();
    let denoised = match run.is_denoised() {
        true => ", --denoise",
        false => "",
    };
    format!(
        "{}, {}{denoised}",
        alike::engine(run, &key.target),
        hashes.join(" ")
    )
}

fn find<'a>(runs: &[Measured<'a>], place: usize, key: &SeriesKey) -> Option<&'a Series> {
    let mut series = runs[place].series.iter();
    series.find(|series| series.key == *key).copied()
}

fn row(
    fleet: &Fleet,
    runs: &[Measured<'_>],
    (suite, key): (Suite, &SeriesKey),
    places: &BTreeMap<usize, Vec<usize>>,
    variant: Option<String>,
) -> AcrossRow {
    let mut by_machine = Vec::new();
    let mut figures: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut samples: Vec<(usize, Vec<&[f64]>)> = Vec::new();
    for (&machine, places) in places {
        let series: Vec<&Series> = places
            .iter()
            .filter_map(|&at| find(runs, at, key))
            .collect();
        let trials: Vec<f64> = series
            .iter()
            .flat_map(|series| series.trial_medians())
            .collect();
        let purpose = format!("{} on {}", key.name(), fleet.machines[machine].name);
        let mut rng = generator(runs[places[0]].run.seed, &purpose);
        let notes: Vec<String> = series
            .iter()
            .flat_map(|series| lost_trials(&series.tally))
            .collect();
        by_machine.push(OnMachine {
            machine,
            median: median(&trials),
            ci95: median_interval(&trials, &mut rng).map(|ci| [ci.low, ci.high]),
            trials: trials.len() as u32,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        });
        if !trials.is_empty() {
            figures.push((machine, trials));
            let trials = series.iter().flat_map(|series| &series.trials);
            samples.push((
                machine,
                trials.map(|trial| trial.in_order.as_slice()).collect(),
            ));
        }
    }
    let seed = runs[0].run.seed;
    let pooled = pooled(fleet, &figures, seed, &key.name(), |machines| {
        let chosen = samples
            .iter()
            .filter(|(machine, _)| machines.contains(machine));
        components(&chosen.map(|(_, trials)| trials.clone()).collect::<Vec<_>>())
    });
    AcrossRow {
        suite,
        workload: key.workload.clone(),
        target: key.target.clone(),
        boundary: key.boundary,
        metric: key.metric,
        at: key.at,
        unit: Some(key.metric.unit()),
        over: None,
        variant,
        by_machine,
        pooled,
    }
}

/// A timed series over native code on the same machine, paired by block.
fn ratio_row(
    fleet: &Fleet,
    runs: &[Measured<'_>],
    (suite, key): (Suite, &SeriesKey),
    places: &BTreeMap<usize, Vec<usize>>,
    variant: Option<String>,
) -> Option<AcrossRow> {
    if key.metric != Metric::WallTime {
        return None;
    }
    let mut over = None;
    let mut by_machine = Vec::new();
    let mut figures: Vec<(usize, Vec<Pair>)> = Vec::new();
    for (&machine, places) in places {
        let mut paired = Vec::new();
        for &place in places {
            let Some(native) = native(runs[place].run).filter(|native| **native != key.target)
            else {
                continue;
            };
            let to = SeriesKey {
                target: native.clone(),
                ..key.clone()
            };
            let Some((of, to)) = find(runs, place, key).zip(find(runs, place, &to)) else {
                continue;
            };
            over.get_or_insert_with(|| native.clone());
            paired.extend(
                pairs(of, to)
                    .into_iter()
                    .filter(|pair| quotient(pair.numerator, pair.denominator).is_some()),
            );
        }
        let Some(ratio) = Pair::figure(&paired) else {
            continue;
        };
        let purpose = format!(
            "{} over native on {}",
            key.name(),
            fleet.machines[machine].name
        );
        let mut rng = generator(runs[places[0]].run.seed, &purpose);
        by_machine.push(OnMachine {
            machine,
            median: Some(ratio),
            ci95: paired_ratio_interval(&paired, &mut rng).map(|ci| [ci.low, ci.high]),
            trials: paired.len() as u32,
            note: None,
        });
        figures.push((machine, paired));
    }
    let purpose = format!("{} over native", key.name());
    let pooled = pooled(fleet, &figures, runs[0].run.seed, &purpose, |machines| {
        let chosen = figures
            .iter()
            .filter(|(machine, _)| machines.contains(machine));
        let ratio = |pair: &Pair| [pair.numerator / pair.denominator];
        let ratios = chosen.map(|(_, paired)| paired.iter().map(ratio).collect());
        components(&ratios.collect::<Vec<Vec<[f64; 1]>>>())
    });
    Some(AcrossRow {
        suite,
        workload: key.workload.clone(),
        target: key.target.clone(),
        boundary: key.boundary,
        metric: key.metric,
        at: key.at,
        unit: None,
        over: Some(over?),
        variant,
        by_machine,
        pooled,
    })
}

fn native(run: &Run) -> Option<&TargetId> {
    let mut targets = run.targets.iter();
    targets
        .find(|record| record.kind == TargetKind::Native)
        .map(|record| &record.target)
}

/// One median per machine type with a result, and one over all if there are several types.
fn pooled<T: Draw>(
    fleet: &Fleet,
    figures: &[(usize, Vec<T>)],
    seed: u64,
    purpose: &str,
    spread: impl Fn(&[usize]) -> Option<Components>,
) -> Vec<Pooled> {
    let type_of = |machine: usize| fleet.machines[machine].machine_type;
    let mut types: Vec<usize> = figures
        .iter()
        .map(|(machine, _)| type_of(*machine))
        .collect();
    types.sort_unstable();
    types.dedup();
    let several = (types.len() > 1).then_some(None);
    let scopes = types.into_iter().map(Some).chain(several);
    scopes
        .filter_map(|scope| {
            let of_scope = figures.iter();
            let of_scope =
                of_scope.filter(|(machine, _)| scope.is_none_or(|one| one == type_of(*machine)));
            let (machines, trials): (Vec<usize>, Vec<Vec<T>>) =
                of_scope.map(|(m, t)| (*m, t.clone())).unzip();
            let medians: Vec<f64> = trials.iter().map(|t| T::figure(t)).collect::<Option<_>>()?;
            let mut rng = generator(seed, &format!("{purpose} over machines {scope:?}"));
            let ci95 = scope.and_then(|_| over_machines(&trials, &mut rng));
            Some(Pooled {
                machine_type: scope,
                machines: machines.len() as u32,
                median: median(&medians)?,
                ci95: ci95.map(|ci| [ci.low, ci.high]),
                method: match scope {
                    Some(_) => Method::of(machines.len()),
                    None => Method::Range,
                },
                range: [
                    medians.iter().copied().fold(f64::INFINITY, f64::min),
                    medians.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                ],
                spread: spread(&machines),
            })
        })
        .collect()
}
