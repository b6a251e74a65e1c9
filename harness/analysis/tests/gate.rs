//! A gate raises no false alarm on a drifting machine, finds real changes, and reports when it cannot decide.
//! Simulated, seeded, never timed.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use plimsoll_analysis::gate::{
    GateReport, GateRow, Job, Kind, Measurement, Overall, RowVerdict, Settings, judge, suspects,
};
use plimsoll_analysis::statistics::generator;
use plimsoll_record::{Boundary, Metric, Outcome, Recorded, Step, Unit};
use rand_distr::{Distribution, Normal};
use support::{Machine, MadeUp, World};

const SETTINGS: Settings = Settings {
    threshold: 0.02,
    detect: 0.05,
    growth: 0.01,
};

/// Two shared cores of a virtual machine on an ordinary day, without what the three runs share.
const SHARED: Machine = Machine {
    trial: 0.025,
    iteration: 0.01,
    weather: 0.0,
    per_row: 0.0,
    spikes: 0.06,
};

/// The same machine on a bad day.
const STORMY: Machine = Machine {
    trial: 0.3,
    spikes: 0.2,
    ..SHARED
};

const TARGET: MadeUp = MadeUp {
    target: "engine",
    kind: plimsoll_record::run::TargetKind::Wasm,
    steps: &[(Step::Process, &[(Boundary::L4, 1e7)])],
};

/// Base, base again and head (`slow` times as slow), in the same weather.
fn arms(seed: u64, blocks: u32, slow: f64, machine: Machine) -> [Recorded; 3] {
    let world = World {
        targets: &[&TARGET],
        workloads: &["busy"],
        trials: blocks,
        iterations: 1,
        machine,
    };
    let mut rng = generator(seed, "weather");
    let step = Normal::new(0.0, 0.06).expect("a deviation");
    let mut now = 0.0;
    let weather: Vec<f64> = (0..blocks)
        .map(|_| {
            now = 0.8 * now + step.sample(&mut rng);
            f64::exp(now)
        })
        .collect();
    [(0, 1.0), (1, 1.0), (2, slow)].map(|(arm, factor)| {
        let mut run = world.run(3 * seed + arm, |_| factor);
        for plan in run.run.plan.clone() {
            if let Some(trial) = run.trials.get_mut(&plan.index) {
                for sample in &mut trial.samples {
                    let weathered = sample.value as f64 * weather[plan.block as usize];
                    sample.value = weathered as u64;
                }
            }
        }
        run
    })
}

fn measurement(runs: &[Recorded; 3]) -> Measurement<'_> {
    Measurement {
        base: &runs[0],
        again: &runs[1],
        head: &runs[2],
    }
}

fn report(
    first: &[Recorded; 3],
    second: Option<&[Recorded; 3]>,
    pinned: Option<&Recorded>,
) -> GateReport {
    judge(&Job {
        measured: vec![(measurement(first), second.map(measurement))],
        recorded: None,
        passes: None,
        pinned,
        targets: &[],
        settings: SETTINGS,
        base: "base".to_owned(),
        head: "head".to_owned(),
    })
}

/// A whole gate, like `bench gate`: repeats the measurement of what looks worse.
fn gate(seed: u64, blocks: u32, slow: f64, machine: Machine) -> GateReport {
    let first = arms(2 * seed, blocks, slow, machine);
    let doubted = suspects(measurement(&first), None, &SETTINGS, seed);
    let second = (!doubted.is_empty()).then(|| arms(2 * seed + 1, blocks, slow, machine));
    report(&first, second.as_ref(), None)
}

fn ended(gates: u64, blocks: u32, slow: f64, machine: Machine, how: Overall) -> usize {
    (0..gates)
        .filter(|&seed| gate(seed, blocks, slow, machine).verdict == how)
        .count()
}

fn only(report: &GateReport) -> &GateRow {
    assert_eq!(report.rows.len(), 1, "{report:#?}");
    &report.rows[0]
}

#[test]
fn base_against_base_does_not_fail() {
    assert_eq!(ended(80, 60, 1.0, SHARED, Overall::Regression), 0);
    assert_eq!(ended(80, 60, 1.0, STORMY, Overall::Regression), 0);
}

#[test]
fn one_per_cent_is_below_the_threshold() {
    assert!(ended(40, 60, 1.01, SHARED, Overall::Regression) <= 1);
}

#[test]
fn five_per_cent_are_found_and_twice_as_slow_always() {
    let found = ended(50, 60, 1.05, SHARED, Overall::Regression);
    assert!(found >= 46, "{found} of 50");
    assert_eq!(ended(50, 60, 2.0, SHARED, Overall::Regression), 50);
}

#[test]
fn a_storm_is_inconclusive_and_no_alarm() {
    let inconclusive = ended(40, 20, 1.0, STORMY, Overall::Inconclusive);
    assert!(inconclusive >= 38, "{inconclusive} of 40");
    let report = gate(1, 20, 1.0, STORMY);
    assert!(only(&report).reason.contains("too noisy"), "{report:#?}");
}

#[test]
fn one_measurement_alone_fails_nothing() {
    let first = arms(1, 60, 1.5, SHARED);
    let alone = report(&first, None, None);
    assert_eq!(only(&alone).verdict, RowVerdict::Inconclusive);
    let unconfirmed = report(&first, Some(&arms(2, 60, 1.0, SHARED)), None);
    assert_eq!(only(&unconfirmed).verdict, RowVerdict::Inconclusive);
    let confirmed = report(&first, Some(&arms(2, 60, 1.5, SHARED)), None);
    assert_eq!(only(&confirmed).verdict, RowVerdict::Regression);
    assert_eq!(confirmed.verdict, Overall::Regression);
}

#[test]
fn too_few_blocks_decide_nothing() {
    let report = gate(3, 7, 2.0, SHARED);
    assert_eq!(only(&report).verdict, RowVerdict::Inconclusive);
    assert!(only(&report).reason.contains("too few blocks"));
}

#[test]
fn faster_is_an_improvement() {
    let report = gate(4, 60, 0.8, SHARED);
    assert_eq!(only(&report).verdict, RowVerdict::Improved);
    assert_eq!(report.verdict, Overall::Held);
}

#[test]
fn the_minimum_detectable_effect_is_found_in_four_of_five_gates() {
    let effects: Vec<f64> = (0..20)
        .filter_map(|seed| only(&gate(seed, 60, 1.0, SHARED)).minimum_detectable)
        .collect();
    let middle = plimsoll_analysis::statistics::median(&effects).expect("there are some");
    assert!((0.02..0.06).contains(&middle), "{middle}");
    let found = ended(60, 60, 1.0 + middle, SHARED, Overall::Regression);
    assert!((38..=58).contains(&found), "{found} of 60 at {middle}");
}

#[test]
fn the_false_alarms_are_counted_from_base_against_base() {
    let alarms = gate(5, 60, 1.0, SHARED).false_alarms.expect("counted");
    assert_eq!(alarms.gates, 200);
    assert!(alarms.failed <= 2 && alarms.rate_at_most >= 0.014);
}

#[test]
fn only_the_steps_that_look_worse_are_measured_again() {
    let slow = arms(1, 40, 1.5, SHARED);
    let doubted = suspects(measurement(&slow), None, &SETTINGS, 1);
    assert_eq!(doubted, [("engine".into(), "busy".into(), Step::Process)]);
    let same = arms(1, 40, 1.0, SHARED);
    assert!(suspects(measurement(&same), None, &SETTINGS, 1).is_empty());
}

/// The three runs with every sample replaced by a peak memory: `bytes` of the run and block.
fn peaks(bytes: impl Fn(usize, u32) -> u64) -> [Recorded; 3] {
    let mut runs = arms(1, 4, 1.0, SHARED);
    for (arm, run) in runs.iter_mut().enumerate() {
        for plan in &mut run.run.plan {
            plan.step = Step::Peak;
            if let Some(trial) = run.trials.get_mut(&plan.index) {
                for sample in &mut trial.samples {
                    (sample.boundary, sample.metric) = (Boundary::Peak, Metric::PeakRss);
                    (sample.unit, sample.value) = (Unit::Bytes, bytes(arm, plan.block));
                }
            }
        }
    }
    runs
}

#[test]
fn peak_memory_fails_as_soon_as_it_has_grown_beyond_what_is_allowed() {
    let grown = |head: u64| {
        report(
            &peaks(|arm, block| if arm == 2 { head } else { 1_000_000 } + u64::from(block)),
            None,
            None,
        )
    };
    let held = grown(1_005_000);
    assert_eq!(only(&held).kind, Kind::Deterministic);
    assert_eq!(only(&held).verdict, RowVerdict::Held);
    assert_eq!(only(&grown(1_020_000)).verdict, RowVerdict::Regression);
    assert_eq!(only(&grown(900_000)).verdict, RowVerdict::Improved);
}

#[test]
fn what_head_can_no_longer_do_is_lost_and_fails() {
    let mut runs = arms(1, 10, 1.0, SHARED);
    for trial in runs[2].trials.values_mut() {
        trial.samples.clear();
        trial.outcome.outcome = Outcome::WrongOutput {
            message: "byte 3 differs".to_owned(),
        };
    }
    let report = report(&runs, None, None);
    let lost = report
        .rows
        .iter()
        .find(|row| row.verdict == RowVerdict::Lost);
    assert!(lost.is_some_and(|row| row.reason.contains("byte 3 differs")));
    assert_eq!(report.verdict, Overall::Regression);
}

#[test]
fn a_pinned_run_from_another_machine_gates_only_what_no_chance_enters_into() {
    let runs = peaks(|_, _| 1_000_000);
    let mut pinned = peaks(|_, _| 900_000)[0].clone();
    pinned.run.environment.cpu_model = "another".to_owned();
    let judged = report(&runs, None, Some(&pinned));
    let row = judged.rows.iter().find(|row| row.against == pinned.run.id);
    assert_eq!(row.expect("judged").verdict, RowVerdict::Regression);
    assert!(
        judged
            .warnings
            .iter()
            .any(|w| w.contains("the processor differs"))
    );

    // Without the weather of `arms`, because nothing pinned holds on a machine that drifts more than 5 %.
    let world = World {
        targets: &[&TARGET],
        workloads: &["busy"],
        trials: 40,
        iterations: 1,
        machine: SHARED,
    };
    let three = |seed: u64| [0, 1, 2].map(|arm| world.run(seed + arm, |_| 1.0));
    let (first, second) = (three(10), three(20));
    let mut pinned = world.run(30, |_| 1.0);
    let slower = |pinned: &Recorded| {
        let report = report(&first, Some(&second), Some(pinned));
        let row = report.rows.into_iter().find(|row| row.against != "base");
        row.expect("there is one").verdict
    };
    assert_eq!(slower(&pinned), RowVerdict::Held);
    for sample in pinned.trials.values_mut().flat_map(|t| &mut t.samples) {
        sample.value /= 2;
    }
    assert_eq!(slower(&pinned), RowVerdict::Regression);
    pinned.run.environment.cpu_model = "another".to_owned();
    assert_eq!(slower(&pinned), RowVerdict::NotJudged);
}

#[test]
fn a_report_reads_back_as_it_was_written() {
    let report = gate(1, 20, 1.2, SHARED);
    let text = serde_json::to_string(&report).expect("it can be written");
    let back: GateReport = serde_json::from_str(&text).expect("it can be read");
    assert_eq!(back.schema, "plimsoll.gate/1");
    assert_eq!(back.rows.len(), report.rows.len());
    assert_eq!(back.verdict, report.verdict);
}
