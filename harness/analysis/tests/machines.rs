//! Runs of several machines: assignment to machines, and results over all.

mod support;

use plimsoll_analysis::machines::Fleet;
use plimsoll_analysis::machines::across::{Across, AcrossRow, Measured, across};
use plimsoll_analysis::series::{Series, series};
use plimsoll_analysis::statistics::clustered::{Method, over_machines};
use plimsoll_analysis::statistics::{Generator, components, generator};
use plimsoll_record::run::Identity;
use plimsoll_record::{Boundary, Recorded, Run};
use rand_distr::{Distribution, Normal};
use support::{CONTAINER, ENGINE, Machine, NATIVE, OTHER_ENGINE, World};

const STILL: Machine = Machine {
    trial: 0.01,
    iteration: 0.01,
    weather: 0.0,
    per_row: 0.0,
    spikes: 0.0,
};

/// A run on the machine `name`, `slow` times as slow as usual.
fn run_on(name: &str, slow: f64) -> Recorded {
    let world = World {
        targets: &[&NATIVE, &ENGINE, &OTHER_ENGINE, &CONTAINER],
        workloads: &["hello"],
        trials: 8,
        iterations: 4,
        machine: STILL,
    };
    let seed = name.bytes().map(u64::from).sum();
    let mut recorded = world.run(seed, |_| slow);
    recorded.run.environment.identity = Some(Identity {
        name: name.to_owned(),
        id: Some(format!("id of {name}")),
        boot: Some(format!("boot of {name}")),
    });
    recorded
}

fn over(runs: &[Recorded]) -> Option<Across> {
    let all: Vec<Vec<Series>> = runs.iter().map(series).collect();
    let measured = runs.iter().zip(&all);
    let measured: Vec<Measured<'_>> = measured
        .map(|(recorded, series)| Measured {
            run: &recorded.run,
            series: series.iter().collect(),
        })
        .collect();
    across(&measured)
}

fn find<'a>(across: &'a Across, target: &str, boundary: Boundary, is_ratio: bool) -> &'a AcrossRow {
    let mut rows = across.rows.iter();
    let found = rows.find(|row| {
        row.target.as_str() == target && row.boundary == boundary && row.over.is_some() == is_ratio
    });
    found.expect("there is such a row")
}

#[test]
fn each_machine_has_its_median_and_the_row_their_median() {
    let runs = [run_on("a", 1.0), run_on("b", 1.5), run_on("c", 2.0)];
    let across = over(&runs).expect("three machines");
    let row = find(&across, "native", Boundary::L4, false);
    let medians: Vec<f64> = row.by_machine.iter().filter_map(|one| one.median).collect();
    for (median, slow) in medians.iter().zip([1.0, 1.5, 2.0]) {
        assert!(
            (median / (5e5 * slow) - 1.0).abs() < 0.02,
            "{median} beside {slow}"
        );
    }
    let [pooled] = row.pooled.as_slice() else {
        panic!("one type, one median: {:?}", row.pooled);
    };
    assert_eq!((pooled.machines, pooled.method), (3, Method::Student));
    assert_eq!(pooled.median, medians[1]);
    let [low, high] = pooled.ci95.expect("three machines have an interval");
    assert!(low < pooled.range[0] && high > pooled.range[1]);
    // A ratio of one machine is independent of its speed.
    let ratio = find(&across, "engine/fast", Boundary::L4, true);
    let [pooled] = ratio.pooled.as_slice() else {
        panic!("{:?}", ratio.pooled);
    };
    assert!(
        (pooled.median / 4.2 - 1.0).abs() < 0.02,
        "{}",
        pooled.median
    );
    assert!(
        pooled.range[1] / pooled.range[0] < 1.05,
        "{:?}",
        pooled.range
    );
}

#[test]
fn unlike_machines_get_a_median_each_and_no_interval_together() {
    let mut runs = [
        run_on("a", 1.0),
        run_on("b", 1.0),
        run_on("c", 3.0),
        run_on("d", 3.0),
    ];
    for run in &mut runs[2..] {
        run.run.environment.cpu_model = "another".to_owned();
    }
    let across = over(&runs).expect("four machines");
    assert_eq!((across.fleet.types.len(), across.fleet.count(1)), (2, 2));
    let row = find(&across, "native", Boundary::L4, false);
    let scopes: Vec<_> = row
        .pooled
        .iter()
        .map(|one| (one.machine_type, one.machines))
        .collect();
    assert_eq!(scopes, [(Some(0), 2), (Some(1), 2), (None, 4)]);
    assert!(
        row.pooled
            .iter()
            .all(|one| one.ci95.is_none() && one.method == Method::Range)
    );
}

#[test]
fn nodes_of_one_boot_are_one_machine() {
    let mut runs = [run_on("n1", 1.0), run_on("n2", 1.0), run_on("other", 1.0)];
    for run in &mut runs[..2] {
        let identity = run.run.environment.identity.as_mut().expect("it was set");
        identity.boot = Some("the same".to_owned());
    }
    assert!(
        over(&runs[..2]).is_none(),
        "one machine has nothing across machines"
    );
    let across = over(&runs).expect("two machines");
    assert_eq!(across.fleet.machines.len(), 2);
    assert!(
        across
            .fleet
            .notes
            .iter()
            .any(|note| note.starts_with("n1, n2 are one machine"))
    );
    let row = find(&across, "native", Boundary::L4, false);
    let trials: Vec<u32> = row.by_machine.iter().map(|one| one.trials).collect();
    assert_eq!(trials, [16, 8]);
}

#[test]
fn a_copied_machine_id_makes_no_two_machines_one_but_a_reboot_keeps_one() {
    let identity = |name: &str, boot: &str| Identity {
        name: name.to_owned(),
        id: Some("of the image".to_owned()),
        boot: Some(boot.to_owned()),
    };
    assert!(!identity("a", "1").is_same(&identity("b", "2")));
    assert!(identity("a", "1").is_same(&identity("a", "2")));
    let nothing = |name: &str| Identity {
        name: name.to_owned(),
        id: None,
        boot: None,
    };
    assert!(
        !nothing("a").is_same(&nothing("a")),
        "a name alone proves nothing"
    );
}

#[test]
fn runs_without_identity_count_as_one_machine_and_say_so() {
    let mut runs = [run_on("a", 1.0), run_on("b", 1.0)];
    runs.iter_mut()
        .for_each(|run| run.run.environment.identity = None);
    let all: Vec<&Run> = runs.iter().map(|run| &run.run).collect();
    let fleet = Fleet::of(&all);
    assert_eq!(fleet.machines.len(), 1);
    assert!(
        fleet.notes[0].contains("do not record which machine"),
        "{:?}",
        fleet.notes
    );
}

#[test]
fn another_engine_version_is_never_in_the_same_median() {
    let mut runs = [run_on("a", 1.0), run_on("b", 1.0), run_on("c", 1.0)];
    for record in &mut runs[2].run.targets {
        record.engine_version = "9".to_owned();
    }
    let across = over(&runs).expect("three machines");
    let rows = across.rows.iter().filter(|row| {
        row.target.as_str() == "native" && row.boundary == Boundary::L4 && row.over.is_none()
    });
    let machines: Vec<(usize, bool)> = rows
        .map(|row| (row.by_machine.len(), row.variant.is_some()))
        .collect();
    assert_eq!(machines, [(2, true), (1, true)]);
}

#[test]
fn settings_that_differ_on_one_type_of_machine_are_named() {
    let mut runs = [run_on("a", 1.0), run_on("b", 1.0)];
    runs[1].run.environment.governor = Some("powersave".to_owned());
    let across = over(&runs).expect("two machines");
    let said = across.fleet.notes.join(" ");
    assert!(said.contains("the frequency governor differs"), "{said}");
    assert!(said.contains("powersave on b"), "{said}");
}

/// Samples by trial by machine, with these standard deviations of logarithms.
fn simulated(
    (machines, trials, samples): (usize, usize, usize),
    (between, trial, within): (f64, f64, f64),
    rng: &mut Generator,
) -> Vec<Vec<Vec<f64>>> {
    let normal = |sigma: f64, rng: &mut Generator| -> f64 {
        Normal::new(0.0, sigma)
            .expect("sigma is finite")
            .sample(rng)
    };
    let mut fleet = Vec::new();
    for _ in 0..machines {
        let own = normal(between, rng);
        let mut of_machine = Vec::new();
        for _ in 0..trials {
            let level = own + normal(trial, rng);
            of_machine.push(
                (0..samples)
                    .map(|_| (level + normal(within, rng)).exp())
                    .collect(),
            );
        }
        fleet.push(of_machine);
    }
    fleet
}

#[test]
fn the_spread_of_each_level_is_found_again() {
    let mut rng = generator(3, "components");
    for truth in [(0.2, 0.05, 0.02), (0.02, 0.2, 0.05), (0.0, 0.03, 0.3)] {
        let mut sums = [0.0; 3];
        let fleets = 200;
        for _ in 0..fleets {
            let fleet = simulated((8, 12, 10), truth, &mut rng);
            let found = components(&fleet).expect("every value has a logarithm");
            let found = [found.machines, found.trials, found.within];
            for (sum, found) in sums.iter_mut().zip(found) {
                *sum += found.expect("every level has several") / f64::from(fleets);
            }
        }
        for (found, truth) in sums.iter().zip([truth.0, truth.1, truth.2]) {
            assert!(
                (found - truth).abs() < 0.15 * truth + 0.01,
                "{found} instead of {truth}"
            );
        }
    }
}

#[test]
fn one_sample_per_trial_leaves_the_spread_within_unknown() {
    let fleet = simulated((4, 6, 1), (0.1, 0.1, 0.0), &mut generator(4, "single"));
    let found = components(&fleet).expect("every value has a logarithm");
    assert!(found.within.is_none() && found.trials.is_some() && found.machines.is_some());
    let shares: f64 = found.shares().iter().flatten().sum();
    assert!((shares - 1.0).abs() < 1e-9);
    assert!(
        components(&[vec![[0.0]]]).is_none(),
        "zero has no logarithm"
    );
}

/// The full table is the example `across-coverage`; this test fails if an interval stops covering.
#[test]
fn intervals_over_machines_cover_the_truth() {
    let fleets = 200;
    for machines in [3, 5, 10] {
        let mut rng = generator(5, "fleets");
        let covered = (0..fleets).filter(|_| {
            let fleet = simulated((machines, 8, 1), (0.1, 0.05, 0.0), &mut rng);
            let trials: Vec<Vec<f64>> = fleet.iter().map(|trials| trials.concat()).collect();
            let interval = over_machines(&trials, &mut rng).expect("three machines or more");
            interval.low <= 1.0 && 1.0 <= interval.high
        });
        let share = covered.count() as f64 / f64::from(fleets);
        assert!(share > 0.92, "{machines} machines cover in {share}");
    }
    assert!(over_machines(&[vec![1.0, 1.1], vec![2.0]], &mut generator(6, "two")).is_none());
}
