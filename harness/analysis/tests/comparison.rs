//! A comparison of two runs raises no false alarm on a drifting machine, and still finds real changes.
//! Simulated, seeded, never timed.

mod support;

use plimsoll_analysis::{Comparison, Measured, Verdict, compare};
use support::{CONTAINER, ENGINE, Machine, NATIVE, OTHER_ENGINE, World};

const QUIET: Machine = Machine {
    trial: 0.02,
    iteration: 0.02,
    weather: 0.005,
    per_row: 0.003,
    spikes: 0.0,
};

/// Two shared cores of a virtual machine on an ordinary day.
const SHARED: Machine = Machine {
    trial: 0.06,
    iteration: 0.05,
    weather: 0.04,
    per_row: 0.01,
    spikes: 0.08,
};

/// The same machine on a bad day.
const STORMY: Machine = Machine {
    trial: 0.2,
    iteration: 0.1,
    weather: 0.12,
    per_row: 0.02,
    spikes: 0.15,
};

const TARGETS: &[&support::MadeUp] = &[&NATIVE, &ENGINE, &OTHER_ENGINE, &CONTAINER];

fn world(machine: Machine, trials: u32) -> World<'static> {
    World {
        targets: TARGETS,
        workloads: &["hello", "json", "sqlite"],
        trials,
        iterations: 5,
        machine,
    }
}

fn same(_: &str) -> f64 {
    1.0
}

/// `pairs` comparisons of two runs of the same build.
fn same_against_same(world: &World<'_>, pairs: u64) -> Vec<Comparison> {
    (0..pairs)
        .map(|pair| compare(&world.run(2 * pair, same), &world.run(2 * pair + 1, same)))
        .collect()
}

fn share(comparisons: &[Comparison], wanted: impl Fn(&Comparison) -> bool) -> f64 {
    comparisons.iter().filter(|c| wanted(c)).count() as f64 / comparisons.len() as f64
}

#[test]
fn two_runs_of_the_same_build_show_no_difference() {
    for (name, machine) in [("quiet", QUIET), ("shared", SHARED), ("stormy", STORMY)] {
        for trials in [5, 20] {
            let comparisons = same_against_same(&world(machine, trials), 20);
            let rows: usize = comparisons.iter().map(|c| c.rows.len()).sum();
            let alarms: usize = comparisons
                .iter()
                .map(|c| c.rows.len() - c.count(Verdict::NoDifferenceShown))
                .sum();
            let held = share(&comparisons, |c| {
                c.count(Verdict::NoDifferenceShown) * 100 >= c.rows.len() * 95
            });
            assert!(
                alarms * 100 <= rows,
                "{name}, {trials} trials: {alarms} of {rows} rows"
            );
            assert!(
                held >= 0.95,
                "{name}, {trials} trials: held in {held} of the pairs"
            );
        }
    }
}

#[test]
fn without_a_native_program_to_anchor_on_there_is_still_no_false_alarm() {
    let lonely = World {
        targets: &[&ENGINE],
        ..world(SHARED, 20)
    };
    let comparisons = same_against_same(&lonely, 20);
    assert!(comparisons.iter().all(|c| c.noise.anchors == 0));
    let rows: usize = comparisons.iter().map(|c| c.rows.len()).sum();
    let calm: usize = comparisons
        .iter()
        .map(|c| c.count(Verdict::NoDifferenceShown))
        .sum();
    assert!(calm * 100 >= rows * 95, "{calm} of {rows} rows");
}

/// The share of the engine's rows reported as slower if it is, by `factor`.
fn found(machine: Machine, trials: u32, factor: f64) -> f64 {
    let world = world(machine, trials);
    let (mut found, mut all) = (0, 0);
    for pair in 0..10 {
        let base = world.run(1000 + 2 * pair, same);
        let slower = world.run(1001 + 2 * pair, |target| {
            if target == ENGINE.target { factor } else { 1.0 }
        });
        let comparison = compare(&base, &slower);
        for row in &comparison.rows {
            if row.key.target.as_str() == ENGINE.target {
                all += 1;
                found += usize::from(row.verdict == Verdict::Slower);
            } else {
                assert_eq!(row.verdict, Verdict::NoDifferenceShown, "{row:?}");
            }
        }
    }
    f64::from(found as u32) / f64::from(all)
}

#[test]
fn twice_as_slow_is_found_on_a_shared_machine() {
    assert!(found(SHARED, 12, 2.0) >= 0.99);
}

#[test]
fn a_tenth_slower_is_found_on_a_quiet_machine() {
    assert!(found(QUIET, 20, 1.1) >= 0.95);
}

#[test]
fn half_of_all_changes_of_the_stated_size_are_found() {
    // The minimum detectable effect tells readers what "no difference" can hide, so a change of that size
    // must be found, by definition in four of five cases. A single trial can change rows, so this requires
    // half.
    let world = world(SHARED, 20);
    let stated = compare(&world.run(1, same), &world.run(2, same));
    let stated: Vec<f64> = stated
        .rows
        .iter()
        .filter_map(|r| r.minimum_detectable)
        .collect();
    let typical = plimsoll_analysis::statistics::median(&stated).expect("every row has one");
    let found = found(SHARED, 20, 1.0 + typical);
    assert!(found >= 0.5, "{found} found of changes of {typical}");
}

#[test]
fn what_only_one_run_measured_is_said() {
    let base = world(QUIET, 6).run(1, same);
    let fewer = World {
        targets: &[&NATIVE, &ENGINE],
        ..world(QUIET, 6)
    };
    let comparison = compare(&base, &fewer.run(2, same));
    assert!(!comparison.unmatched.is_empty());
    for row in &comparison.unmatched {
        assert_eq!(row.measured_in, Measured::BaseOnly);
        assert!([OTHER_ENGINE.target, CONTAINER.target].contains(&row.key.target.as_str()));
    }
}

#[test]
fn runs_of_different_machines_carry_a_warning() {
    let base = world(QUIET, 6).run(1, same);
    let mut other = world(QUIET, 6).run(2, same);
    other.run.environment.cpu_model = "another one".to_owned();
    other.run.workloads[0].native_sha256 = Some("ff".to_owned());
    let comparison = compare(&base, &other);
    assert!(comparison.warnings.iter().any(|w| w.contains("processor")));
    assert!(comparison.warnings.iter().any(|w| w.contains("no anchor")));
    assert_eq!(comparison.noise.anchors, 4);
}

#[test]
fn a_comparison_is_the_same_every_time() {
    let (base, candidate) = (world(SHARED, 6).run(1, same), world(SHARED, 6).run(2, same));
    assert_eq!(compare(&base, &candidate), compare(&base, &candidate));
}
