//! The content of a run's rows, and what they omit.

mod support;

use plimsoll_analysis::{Row, Status, analyse};
use plimsoll_record::{Boundary, FailureKind, Outcome, Recorded, Step};
use support::{CONTAINER, ENGINE, Machine, MadeUp, NATIVE, OTHER_ENGINE, World, finished, sample};

const STILL: Machine = Machine {
    trial: 0.01,
    iteration: 0.01,
    weather: 0.0,
    per_row: 0.0,
    spikes: 0.0,
};

const TARGETS: &[&MadeUp] = &[&NATIVE, &ENGINE, &OTHER_ENGINE, &CONTAINER];

fn recorded(trials: u32, iterations: u32) -> Recorded {
    let world = World {
        targets: TARGETS,
        workloads: &["hello"],
        trials,
        iterations,
        machine: STILL,
    };
    world.run(5, |_| 1.0)
}

/// Replaces the outcome of every trial of `target` and `step`, from the `skip`-th on.
fn spoil(recorded: &mut Recorded, target: &str, step: Step, skip: usize, outcome: &Outcome) {
    let plan = recorded.run.plan.iter();
    let hit = plan.filter(|plan| plan.target.as_str() == target && plan.step == step);
    let hit: Vec<u32> = hit.map(|plan| plan.index).skip(skip).collect();
    for index in hit {
        let trial = recorded.trials.get_mut(&index).expect("it was simulated");
        trial.outcome.outcome = outcome.clone();
    }
}

fn row<'a>(rows: &'a [Row], target: &str, boundary: Boundary) -> &'a Row {
    let mut rows = rows.iter();
    rows.find(|row| row.target.as_str() == target && row.boundary == boundary)
        .expect("there is such a row")
}

fn failed() -> Outcome {
    Outcome::Failed {
        kind: FailureKind::Crashed,
        message: "ended by signal 11".to_owned(),
        stderr: String::new(),
    }
}

fn wrong() -> Outcome {
    Outcome::WrongOutput {
        message: "byte 3 differs".to_owned(),
    }
}

#[test]
fn every_target_has_a_row_at_every_boundary_it_was_measured_at() {
    let rows = analyse(&recorded(20, 30)).rows;
    let expected: Vec<(&str, Boundary)> = TARGETS
        .iter()
        .flat_map(|target| target.steps.iter().map(|step| (target.target, step.1)))
        .flat_map(|(target, list)| list.iter().map(move |(boundary, _)| (target, *boundary)))
        .collect();
    let found: Vec<(&str, Boundary)> = rows
        .iter()
        .map(|row| (row.target.as_str(), row.boundary))
        .collect();
    assert_eq!(found, expected);
    for row in &rows {
        assert_eq!(row.status, Status::Ok);
        assert_eq!(row.trials, 20);
        let (median, ci95) = (row.median.expect("ok"), row.ci95.expect("20 trials"));
        assert!(ci95[0] <= median && median <= ci95[1], "{row:?}");
        assert!(row.min.expect("ok") <= median && median <= row.max.expect("ok"));
    }
}

#[test]
fn a_p99_stands_only_on_five_hundred_samples_or_more() {
    let rows = analyse(&recorded(20, 25)).rows;
    assert_eq!(row(&rows, ENGINE.target, Boundary::L0).samples, 500);
    assert!(row(&rows, ENGINE.target, Boundary::L0).p99.is_some());
    assert!(row(&rows, ENGINE.target, Boundary::L3).p99.is_none());
    let fewer = analyse(&recorded(20, 24)).rows;
    assert!(row(&fewer, ENGINE.target, Boundary::L0).p99.is_none());
    let one_process = analyse(&recorded(1, 600)).rows;
    assert!(row(&one_process, ENGINE.target, Boundary::L0).p99.is_none());
}

#[test]
fn a_trial_with_a_wrong_output_never_counts() {
    let honest = analyse(&recorded(20, 5)).rows;
    let mut spoilt = recorded(20, 5);
    spoil(&mut spoilt, ENGINE.target, Step::Load, 17, &wrong());
    for trial in spoilt.trials.values_mut() {
        if matches!(trial.outcome.outcome, Outcome::WrongOutput { .. }) {
            for sample in &mut trial.samples {
                sample.value = 1;
            }
        }
    }
    let rows = analyse(&spoilt).rows;
    let loaded = row(&rows, ENGINE.target, Boundary::L1);
    assert_eq!((loaded.status, loaded.trials), (Status::Ok, 17));
    assert!(loaded.min.expect("ok") > 1000.0);
    assert_eq!(
        loaded.note.as_deref(),
        Some("3 of 20 trials gave a wrong output: byte 3 differs")
    );
    // A row's resampling does not depend on other rows.
    assert_eq!(
        row(&rows, ENGINE.target, Boundary::L0),
        row(&honest, ENGINE.target, Boundary::L0)
    );
}

#[test]
fn a_target_that_is_always_wrong_has_no_number() {
    let mut run = recorded(6, 5);
    spoil(&mut run, ENGINE.target, Step::Process, 0, &wrong());
    let rows = analyse(&run).rows;
    for boundary in [Boundary::L3, Boundary::L4] {
        let row = row(&rows, ENGINE.target, boundary);
        assert_eq!(row.status, Status::WrongOutput);
        assert_eq!((row.median, row.ci95, row.min), (None, None, None));
        assert_eq!((row.trials, row.samples), (0, 0));
    }
}

#[test]
fn failures_are_counted_in_the_note_with_the_first_reason() {
    let mut run = recorded(20, 5);
    spoil(&mut run, CONTAINER.target, Step::Process, 18, &failed());
    let rows = analyse(&run).rows;
    let row = row(&rows, CONTAINER.target, Boundary::L5);
    assert_eq!((row.status, row.trials), (Status::Ok, 18));
    assert_eq!(
        row.note.as_deref(),
        Some("2 of 20 trials failed: ended by signal 11")
    );
}

#[test]
fn what_never_worked_still_has_its_rows() {
    let mut run = recorded(6, 5);
    spoil(&mut run, CONTAINER.target, Step::Process, 0, &failed());
    let reason = Outcome::Unsupported {
        reason: "no compiler in this build".to_owned(),
    };
    spoil(&mut run, ENGINE.target, Step::Compile, 0, &reason);
    for trial in run.trials.values_mut() {
        if !matches!(trial.outcome.outcome, Outcome::Ok) {
            trial.samples.clear();
        }
    }
    let rows = analyse(&run).rows;
    for boundary in [Boundary::L3, Boundary::L4, Boundary::L5] {
        assert_eq!(
            row(&rows, CONTAINER.target, boundary).status,
            Status::Failed
        );
    }
    let compiled = row(&rows, ENGINE.target, Boundary::L2);
    assert_eq!(compiled.status, Status::Unsupported);
    let note = compiled.note.as_deref().expect("it says why");
    assert!(note.contains("no compiler in this build"), "{note}");
}

#[test]
fn an_interrupted_run_says_what_was_not_reached() {
    let mut run = recorded(10, 5);
    let last = run.run.plan.len() as u32 / 2;
    run.trials.retain(|index, _| *index < last);
    let rows = analyse(&run).rows;
    let native = row(&rows, NATIVE.target, Boundary::L3);
    assert_eq!((native.status, native.trials), (Status::Ok, 5));
    assert_eq!(
        native.note.as_deref().map(|n| n.split(';').next()),
        Some(Some("5 of 10 trials were not reached before the run ended"))
    );
    run.trials.clear();
    let rows = analyse(&run).rows;
    assert_eq!(
        row(&rows, NATIVE.target, Boundary::L3).status,
        Status::Failed
    );
}

#[test]
fn an_outlier_is_flagged_and_kept() {
    let mut run = recorded(20, 5);
    let plan = run.run.plan.iter();
    let first = plan
        .filter(|plan| plan.target.as_str() == NATIVE.target)
        .map(|plan| plan.index)
        .next()
        .expect("native was planned");
    let late = sample(first, Boundary::L3, 0, 9e9);
    run.trials
        .insert(first, finished(first, Outcome::Ok, vec![late]));
    let rows = analyse(&run).rows;
    let row = row(&rows, NATIVE.target, Boundary::L3);
    assert_eq!(row.outliers, 1);
    assert_eq!(row.max, Some(9e9));
    assert_eq!(row.trials, 20);
}

#[test]
fn a_run_without_a_plan_has_no_rows() {
    let mut run = recorded(1, 1);
    run.run.plan.clear();
    run.trials.clear();
    assert!(analyse(&run).rows.is_empty());
}
