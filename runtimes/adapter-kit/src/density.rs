//! The step `instances` of an in-process engine: many instances alive at once, level by level.
//!
//! All engines are measured the same way. One module is loaded. Each instance is created, runs `_start` to its end and
//! is kept with everything that the engine keeps for it. At each level the process reads its own footprint. Only
//! creating and running instances is timed, not reading /proc, checking the budget or waiting.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_record::{Boundary, Metric, Nanoseconds};
use rustix::time::{ClockId, clock_gettime};

use crate::budget::Budget;
use crate::footprint::{self, Footprint};
use crate::guest::{Guest, Outputs};
use crate::protocol::{Done, Measure, Sample};
use crate::timed::Engine;
use crate::{Error, artefact};

/// Number of instances created between two budget checks.
const BETWEEN_LOOKS: usize = 16;

/// Runs the step.
///
/// # Errors
///
/// The engine's error if it fails before the first level is reached. A later failure ends the trial and keeps the
/// earlier levels ([`Done::stopped`]).
pub(crate) fn measure<E: Engine>(
    engine: &E,
    request: &Measure,
    artefact: &Path,
    samples: &mut dyn FnMut(Sample),
) -> Result<Done, Error> {
    let levels = request.required_levels()?;
    artefact::require(artefact)?;
    let guest = Guest::from(&request.workload);
    let module = engine.load(artefact)?;
    let most = levels.alive.iter().copied().max().unwrap_or(0);
    let mut crowd = Crowd {
        engine,
        module: &module,
        guest: &guest,
        // Allocated here so that its growth is charged to no level.
        alive: Vec::with_capacity(usize::try_from(most).unwrap_or(0)),
        making: Duration::ZERO,
        budget: Budget::of(levels),
    };
    let mut stopped = None;
    for (reached, &level) in levels.alive.iter().enumerate() {
        match crowd.grow(level) {
            Ok(()) => {}
            Err(error) if reached == 0 => return Err(error),
            Err(error) => {
                stopped = Some(error.to_string());
                break;
            }
        }
        let idle = idle_cpu(levels.idle_window.into());
        let taken = Footprint::own()
            .map_err(|error| Error::failed("reading what this process takes", error))?;
        crowd.budget.took(level, taken.pss + taken.page_tables);
        let counted = taken.samples(Boundary::Instances, Some(level));
        let timed =
            [(Metric::WallTime, crowd.making), (Metric::IdleCpu, idle)].map(|(metric, value)| {
                Sample {
                    boundary: Boundary::Instances,
                    metric,
                    iteration: 0,
                    at: Some(level),
                    value: Nanoseconds::from(value).0,
                }
            });
        counted.into_iter().chain(timed).for_each(&mut *samples);
    }
    let mut outputs = Outputs::default();
    for (instance, exit_code) in crowd.alive {
        outputs.add(exit_code, &engine.finish(instance));
    }
    Ok(Done {
        outputs: outputs.into_vec(),
        stopped,
    })
}

/// Live instances and the time it took to create them.
struct Crowd<'e, E: Engine> {
    engine: &'e E,
    module: &'e E::Module,
    guest: &'e Guest,
    /// Instances with the exit codes of their `_start`.
    alive: Vec<(E::Instance, i32)>,
    making: Duration,
    budget: Budget,
}

impl<E: Engine> Crowd<'_, E> {
    /// Creates instances until `level` are alive.
    fn grow(&mut self, level: u64) -> Result<(), Error> {
        let level = usize::try_from(level).unwrap_or(usize::MAX);
        let have = self.alive.len();
        self.budget.allows(have as u64, level as u64)?;
        while self.alive.len() < level {
            let begun = Instant::now();
            for _ in 0..BETWEEN_LOOKS.min(level - self.alive.len()) {
                let made = self.one().map_err(|error| self.at(&error))?;
                self.alive.push(made);
            }
            self.making += begun.elapsed();
            let resident = footprint::own_resident()
                .map_err(|error| Error::failed("reading what this process takes", error))?;
            self.budget.holds(self.alive.len() as u64, resident)?;
        }
        Ok(())
    }

    fn one(&self) -> Result<(E::Instance, i32), Error> {
        let mut instance = self.engine.instantiate(self.module, self.guest)?;
        let exit_code = self.engine.start(&mut instance)?;
        Ok((instance, exit_code))
    }

    fn at(&self, error: &Error) -> Error {
        let alive = self.alive.len();
        Error::Failed(format!("with {alive} instances alive: {error}"))
    }
}

/// CPU time that this process uses per second of waiting, measured over `window`.
fn idle_cpu(window: Duration) -> Duration {
    let used = || Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default();
    let (before, begun) = (used(), Instant::now());
    thread::sleep(window);
    let (after, waited) = (used(), begun.elapsed());
    footprint::per_second(after.saturating_sub(before), waited)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::fs;

    use plimsoll_record::{Step, TargetId, WorkloadId};

    use super::*;
    use crate::protocol::{Grants, Levels, Workload};

    /// Each instance holds `bytes`; the engine refuses to create more than `most`.
    struct Holder {
        bytes: usize,
        most: usize,
        made: Cell<usize>,
        given_up: RefCell<Vec<usize>>,
    }

    impl Engine for Holder {
        type Module = ();
        type Instance = (usize, Vec<u8>);

        fn compile(&self, _: &[u8]) -> Result<(), Error> {
            Err(Error::Unsupported("it only loads".to_owned()))
        }
        fn load(&self, _: &Path) -> Result<(), Error> {
            Ok(())
        }
        fn instantiate(&self, (): &(), _: &Guest) -> Result<(usize, Vec<u8>), Error> {
            if self.made.get() == self.most {
                return Err(Error::Failed("no slot is free".to_owned()));
            }
            self.made.set(self.made.get() + 1);
            Ok((self.made.get(), Vec::new()))
        }
        fn start(&self, instance: &mut (usize, Vec<u8>)) -> Result<i32, Error> {
            instance.1 = vec![1; self.bytes];
            Ok(0)
        }
        fn finish(&self, instance: (usize, Vec<u8>)) -> Vec<u8> {
            self.given_up.borrow_mut().push(instance.0);
            b"held\n".to_vec()
        }
    }

    fn measured(
        bytes: usize,
        most: usize,
        alive: &[u64],
        memory_budget_bytes: u64,
    ) -> (Result<Done, Error>, Vec<Sample>, Vec<usize>) {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let artefact = scratch.path().join("artefact");
        fs::write(&artefact, b"").expect("an empty artefact");
        let engine = Holder {
            bytes,
            most,
            made: Cell::new(0),
            given_up: RefCell::default(),
        };
        let request = Measure {
            target: TargetId::from("holder"),
            workload: Workload {
                id: WorkloadId::from("hold"),
                wasm: artefact.clone(),
                native: None,
                args: Vec::new(),
                input: None,
                component: None,
                image: None,
                grants: Grants::default(),
            },
            scratch: scratch.path().to_owned(),
            step: Step::Instances,
            iterations: 1,
            budget: Nanoseconds(0),
            levels: Some(Levels {
                alive: alive.to_vec(),
                memory_budget_bytes,
                idle_window: Nanoseconds(1_000_000),
            }),
        };
        let mut samples = Vec::new();
        let done = measure(&engine, &request, &artefact, &mut |s| samples.push(s));
        (done, samples, engine.given_up.into_inner())
    }

    fn values(samples: &[Sample], metric: Metric) -> Vec<(u64, u64)> {
        samples
            .iter()
            .filter(|sample| sample.metric == metric)
            .map(|sample| (sample.at.unwrap_or(0), sample.value))
            .collect()
    }

    const AMPLE: u64 = 8 << 30;

    #[test]
    fn every_instance_is_alive_at_once_and_what_it_holds_shows_at_its_level() {
        let (done, samples, given_up) = measured(256 << 10, 1000, &[1, 10, 100], AMPLE);
        let done = done.expect("measured");
        assert_eq!((done.outputs[0].times, done.stopped), (100, None));
        assert_eq!(given_up.len(), 100);
        let private = values(&samples, Metric::Private);
        assert_eq!(
            private.iter().map(|p| p.0).collect::<Vec<_>>(),
            [1, 10, 100]
        );
        let grown = (private[2].1 - private[1].1) as f64 / (90 * (256 << 10)) as f64;
        assert!((0.9..1.1).contains(&grown), "{grown}");
    }

    #[test]
    fn the_clock_adds_up_over_the_levels() {
        let (_, samples, _) = measured(64 << 10, 1000, &[1, 50, 200], AMPLE);
        let times = values(&samples, Metric::WallTime);
        assert!(times.is_sorted_by_key(|time| time.1), "{times:?}");
    }

    #[test]
    fn an_engine_that_refuses_a_later_level_keeps_what_was_measured() {
        let (done, samples, given_up) = measured(0, 50, &[1, 10, 100], AMPLE);
        let done = done.expect("measured until then");
        let why = done.stopped.expect("it says why it stopped");
        assert_eq!(why, "with 50 instances alive: no slot is free");
        assert_eq!((done.outputs[0].times, given_up.len()), (50, 50));
        assert_eq!(values(&samples, Metric::Pss).len(), 2);
    }

    #[test]
    fn an_engine_that_refuses_the_first_level_has_failed() {
        let (done, samples, _) = measured(0, 0, &[1, 10], AMPLE);
        assert!(matches!(done, Err(Error::Failed(_))), "{done:?}");
        assert!(samples.is_empty());
    }

    #[test]
    fn no_level_is_gone_on_with_beyond_the_budget() {
        let resident = footprint::own_resident().expect("/proc is mounted");
        let (done, samples, given_up) =
            measured(1 << 20, 1000, &[1, 10, 1000], resident + (64 << 20));
        let why = done
            .expect("measured until then")
            .stopped
            .expect("it stopped");
        assert!(why.contains("memory budget"), "{why}");
        assert!(given_up.len() < 200, "{}", given_up.len());
        assert_eq!(values(&samples, Metric::Pss).len(), 2);
    }
}
