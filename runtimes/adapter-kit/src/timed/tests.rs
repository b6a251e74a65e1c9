//! Tests of the loops, with an engine that sleeps.

use std::cell::Cell;
use std::fs;
use std::hint::spin_loop;
use std::thread::sleep;

use plimsoll_record::{Metric, Nanoseconds, TargetId, WorkloadId};
use rustix::time::ClockId;

use super::loops::processor_time;
use super::*;
use crate::protocol::{Grants, Workload};

/// How its guest spends time.
#[derive(Default)]
enum Spends {
    #[default]
    Nothing,
    Processor(Duration),
    Waiting(Duration),
}

/// Its guest only spends time; it counts the calls.
#[derive(Default)]
struct Sleeper {
    spends: Spends,
    loaded: Cell<u32>,
    started: Cell<u32>,
    made: Cell<u32>,
    finished: Cell<u32>,
}

impl Engine for Sleeper {
    type Module = ();
    type Instance = ();

    fn compile(&self, _: &[u8]) -> Result<(), Error> {
        Err(Error::Unsupported("it only loads".to_owned()))
    }
    fn load(&self, _: &Path) -> Result<(), Error> {
        self.loaded.set(self.loaded.get() + 1);
        Ok(())
    }
    fn instantiate(&self, (): &(), _: &Guest) -> Result<(), Error> {
        self.made.set(self.made.get() + 1);
        Ok(())
    }
    fn start(&self, (): &mut ()) -> Result<i32, Error> {
        self.started.set(self.started.get() + 1);
        match self.spends {
            Spends::Nothing => {}
            Spends::Waiting(time) => sleep(time),
            Spends::Processor(time) => {
                let before = processor_time(ClockId::ThreadCPUTime);
                while processor_time(ClockId::ThreadCPUTime) - before < time {
                    spin_loop();
                }
            }
        }
        Ok(0)
    }
    fn finish(&self, (): ()) -> Vec<u8> {
        self.finished.set(self.finished.get() + 1);
        b"slept\n".to_vec()
    }
}

fn measured(
    engine: &Sleeper,
    step: Step,
    iterations: u32,
    budget: Duration,
) -> (Result<Done, Error>, Vec<Sample>) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let artefact = scratch.path().join("artefact");
    fs::write(&artefact, b"").expect("an empty artefact");
    let request = Measure {
        target: TargetId::from("sleeper"),
        workload: Workload {
            id: WorkloadId::from("nap"),
            wasm: artefact.clone(),
            native: None,
            args: Vec::new(),
            input: None,
            component: None,
            image: None,
            grants: Grants::default(),
        },
        scratch: scratch.path().to_owned(),
        step,
        iterations,
        budget: budget.into(),
        levels: None,
    };
    let mut samples = Vec::new();
    let done = measure(engine, &request, &artefact, &mut |s| samples.push(s));
    (done, samples)
}

const AMPLE: Duration = Duration::from_secs(600);

#[test]
fn a_light_guest_is_run_and_verified_in_every_iteration() {
    let engine = Sleeper::default();
    let (done, samples) = measured(&engine, Step::Instantiate, 7, AMPLE);
    assert_eq!(done.expect("measured").outputs[0].times, 7);
    assert_eq!(engine.loaded.get(), 1);
    assert_eq!(engine.finished.get(), 7);
    let of = |metric| samples.iter().filter(|s| s.metric == metric).count();
    assert_eq!((of(Metric::WallTime), of(Metric::CycleTime)), (7, 7));
    assert!(samples.iter().all(|s| s.boundary == Boundary::L0));
}

#[test]
fn a_heavy_guest_is_run_once_and_gives_cycle_time_only_then() {
    let engine = Sleeper {
        spends: Spends::Processor(HEAVY_GUEST * 2),
        ..Sleeper::default()
    };
    let (done, samples) = measured(&engine, Step::Instantiate, 5, AMPLE);
    assert_eq!(done.expect("measured").outputs[0].times, 1);
    assert_eq!((engine.made.get(), engine.started.get()), (5, 1));
    let cycles: Vec<_> = samples
        .iter()
        .filter(|s| s.metric == Metric::CycleTime)
        .map(|s| s.iteration)
        .collect();
    assert_eq!(cycles, [0]);
}

#[test]
fn a_guest_that_merely_waits_for_a_processor_is_not_taken_for_a_heavy_one() {
    let engine = Sleeper {
        spends: Spends::Waiting(HEAVY_GUEST * 2),
        ..Sleeper::default()
    };
    measured(&engine, Step::Instantiate, 3, AMPLE)
        .0
        .expect("measured");
    assert_eq!(engine.started.get(), 3);
}

#[test]
fn the_run_of_a_heavy_guest_is_not_charged_to_the_budget() {
    let engine = Sleeper {
        spends: Spends::Processor(Duration::from_millis(600)),
        ..Sleeper::default()
    };
    let (_, samples) = measured(&engine, Step::Load, 2, Duration::from_millis(500));
    assert_eq!(samples.len(), 2);
}

#[test]
fn a_spent_budget_still_allows_one_iteration() {
    let engine = Sleeper::default();
    let (done, samples) = measured(&engine, Step::Load, 1000, Duration::ZERO);
    assert_eq!(done.expect("measured").outputs[0].times, 1);
    assert_eq!(samples.len(), 1);
    assert_eq!(samples[0].boundary, Boundary::L1);
}

#[test]
fn each_iteration_of_load_loads_again() {
    let engine = Sleeper::default();
    measured(&engine, Step::Load, 4, AMPLE).0.expect("measured");
    assert_eq!(engine.loaded.get(), 4);
}

#[test]
fn each_iteration_runs_a_fresh_instance_and_none_is_left_out() {
    let engine = Sleeper {
        spends: Spends::Processor(HEAVY_GUEST * 2),
        ..Sleeper::default()
    };
    let (done, samples) = measured(&engine, Step::Execute, 4, AMPLE);
    assert_eq!(done.expect("measured").outputs[0].times, 4);
    assert_eq!((engine.loaded.get(), engine.made.get()), (1, 4));
    for metric in [Metric::WallTime, Metric::CpuTime, Metric::CycleTime] {
        let of: Vec<_> = samples.iter().filter(|s| s.metric == metric).collect();
        let order: Vec<_> = of.iter().map(|s| s.iteration).collect();
        assert_eq!(order, [0, 1, 2, 3], "{metric}");
        let least = Nanoseconds::from(HEAVY_GUEST * 2).0;
        assert!(of.iter().all(|s| s.value >= least), "{metric}: {of:?}");
    }
}

#[test]
fn the_cycle_of_an_iteration_holds_its_run() {
    let engine = Sleeper {
        spends: Spends::Waiting(Duration::from_millis(4)),
        ..Sleeper::default()
    };
    let (_, samples) = measured(&engine, Step::Execute, 3, AMPLE);
    let of = |metric| samples.iter().filter(move |s| s.metric == metric);
    for (cycle, run) in of(Metric::CycleTime).zip(of(Metric::WallTime)) {
        assert!(cycle.value >= run.value && run.value >= 4_000_000);
    }
}

#[test]
fn the_runs_of_an_iterated_guest_are_charged_to_the_budget() {
    let engine = Sleeper {
        spends: Spends::Waiting(Duration::from_millis(30)),
        ..Sleeper::default()
    };
    let (done, _) = measured(&engine, Step::Execute, 1000, Duration::from_millis(50));
    assert!(done.expect("measured").outputs[0].times <= 2);
}

#[test]
fn an_engine_that_fails_in_the_loop_leaves_no_samples() {
    let (done, samples) = measured(&Sleeper::default(), Step::Compile, 3, AMPLE);
    assert!(matches!(done, Err(Error::Unsupported(_))));
    assert!(samples.is_empty());
}
