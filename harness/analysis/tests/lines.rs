//! The cost of one more, compared with a simulated truth: the slope is found, its interval covers, and rows
//! show the evidence. Seeded, never timed.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use plimsoll_analysis::statistics::bootstrap::median_interval;
use plimsoll_analysis::statistics::{Generator, Line, generator};
use plimsoll_analysis::{Row, Status, analyse};
use plimsoll_record::{Boundary, FailureKind, Metric, Outcome, Recorded, SampleLine, Step, Unit};
use rand_distr::{Distribution, Normal};
use support::{ENGINE, Machine, MadeUp, World, finished};

const LEVELS: [u64; 4] = [1, 10, 100, 1000];
const BASE: f64 = 12e6;
const EACH: f64 = 31_500.0;

/// The values of one simulated process by level, from its own base, its own cost of one more, and the
/// granularity of allocation at each level.
fn trial(rng: &mut Generator) -> Vec<(f64, f64)> {
    let mut normal = |sigma: f64| Normal::new(0.0, sigma).expect("finite").sample(rng);
    let (base, each) = (BASE + normal(2e5), EACH * (1.0 + normal(0.02)));
    LEVELS
        .iter()
        .map(|&n| (n as f64, base + each * n as f64 + normal(6e4)))
        .collect()
}

#[test]
fn a_line_goes_through_points_that_lie_on_one() {
    let points = [(1.0, 5.0), (10.0, 23.0), (100.0, 203.0)];
    let line = Line::through(&points).expect("three points");
    assert!((line.slope - 2.0).abs() < 1e-12 && (line.base - 3.0).abs() < 1e-9);
    assert_eq!(Line::through(&[(5.0, 1.0), (5.0, 2.0)]), None);
    assert_eq!(Line::through(&[]), None);
}

#[test]
fn the_interval_of_a_slope_covers_the_truth_as_often_as_it_says() {
    const DATA_SETS: usize = 800;
    let mut rng = generator(3, "slopes");
    for trials in [6, 10] {
        let covered = (0..DATA_SETS)
            .filter(|_| {
                let slopes: Vec<f64> = (0..trials)
                    .filter_map(|_| Some(Line::through(&trial(&mut rng))?.slope))
                    .collect();
                let interval = median_interval(&slopes, &mut rng).expect("enough trials");
                interval.low <= EACH && EACH <= interval.high
            })
            .count();
        let share = covered as f64 / DATA_SETS as f64;
        assert!(
            (0.92..=1.0).contains(&share),
            "{share} with {trials} trials"
        );
    }
}

/// A run of the suite `density` with `trials` trials; each reaches `reached` levels.
fn recorded(trials: u32, reached: usize) -> Recorded {
    const HOLDER: MadeUp = MadeUp {
        target: "engine/fast",
        steps: &[(Step::Instances, &[])],
        ..ENGINE
    };
    let world = World {
        targets: &[&HOLDER],
        workloads: &["hello"],
        trials,
        iterations: 1,
        machine: Machine {
            trial: 0.0,
            iteration: 0.0,
            weather: 0.0,
            per_row: 0.0,
            spikes: 0.0,
        },
    };
    let mut recorded = world.run(5, |_| 1.0);
    let mut rng = generator(9, "a simulated crowd");
    for (&index, held) in &mut recorded.trials {
        let samples = trial(&mut rng).into_iter().take(reached);
        let samples = samples.map(|(at, bytes)| SampleLine {
            trial: index,
            attempt: 0,
            boundary: Boundary::Instances,
            metric: Metric::Pss,
            iteration: 0,
            at: Some(at as u64),
            value: bytes.round() as u64,
            unit: Unit::Bytes,
        });
        *held = finished(index, Outcome::Ok, samples.collect());
    }
    recorded
}

fn row(rows: &[Row], boundary: Boundary, at: Option<u64>) -> &Row {
    let mut rows = rows.iter();
    rows.find(|row| row.boundary == boundary && row.at == at)
        .unwrap_or_else(|| panic!("no row at {boundary} {at:?}"))
}

#[test]
fn every_level_has_a_row_and_the_line_through_them_has_two() {
    let rows = analyse(&recorded(10, 4)).rows;
    assert_eq!(rows.len(), LEVELS.len() + 2);
    for at in LEVELS {
        let level = row(&rows, Boundary::Instances, Some(at));
        assert_eq!((level.status, level.trials), (Status::Ok, 10));
    }
    let slope = row(&rows, Boundary::Instance, None);
    let [low, high] = slope.ci95.expect("10 trials");
    assert!(low <= EACH && EACH <= high, "{slope:?}");
    assert!((high - low) / EACH < 0.1, "{slope:?}");
    assert_eq!(
        (slope.trials, slope.unit, &slope.note),
        (10, Unit::Bytes, &None)
    );
    let base = row(&rows, Boundary::Base, None).median.expect("measured");
    assert!((base / BASE - 1.0).abs() < 0.05, "{base}");
}

#[test]
fn a_trial_that_stopped_early_counts_and_says_so() {
    let mut recorded = recorded(6, 3);
    for held in recorded.trials.values_mut() {
        held.outcome.note = Some("stopped with 100 alive: no slot is free".to_owned());
    }
    let rows = analyse(&recorded).rows;
    assert!(!rows.iter().any(|row| row.at == Some(1000)));
    let slope = row(&rows, Boundary::Instance, None);
    assert_eq!((slope.status, slope.trials), (Status::Ok, 6));
    let note = slope.note.as_deref().expect("it says why");
    assert!(
        note.contains("6 of 6 trials ended early: stopped with 100 alive"),
        "{note}"
    );
}

#[test]
fn one_level_is_no_line() {
    let rows = analyse(&recorded(6, 1)).rows;
    let slope = row(&rows, Boundary::Instance, None);
    assert_eq!((slope.status, slope.median), (Status::Failed, None));
    let note = slope.note.as_deref().expect("it says why");
    assert!(note.contains("no line can be fitted"), "{note}");
}

#[test]
fn what_a_failed_trial_had_measured_does_not_count() {
    let mut recorded = recorded(6, 2);
    for held in recorded.trials.values_mut() {
        held.outcome.outcome = Outcome::Failed {
            kind: FailureKind::OutOfMemory,
            message: "killed with 57 alive".to_owned(),
            stderr: String::new(),
        };
    }
    let rows = analyse(&recorded).rows;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let slope = row(&rows, Boundary::Instance, None);
    assert_eq!((slope.status, slope.metric), (Status::Failed, Metric::Pss));
    let note = slope.note.as_deref().expect("it says why");
    assert!(note.contains("killed with 57 alive"), "{note}");
}

#[test]
fn a_line_that_is_none_says_by_how_much() {
    let mut recorded = recorded(6, 4);
    for held in recorded.trials.values_mut() {
        for sample in &mut held.samples {
            if sample.at == Some(100) {
                sample.value *= 2;
            }
        }
    }
    let rows = analyse(&recorded).rows;
    let note = row(&rows, Boundary::Instance, None).note.as_deref();
    assert!(
        note.is_some_and(|note| note.contains("not a straight line")),
        "{note:?}"
    );
}
