//! The steps of an engine that runs inside the adapter's process, with the one set of clocks.
//!
//! An adapter gives an [`Engine`]; everything that starts or stops a clock is here, so that no
//! engine is timed differently from another. What lies inside which clock:
//!
//! | step | outside | wall time | cycle time |
//! |---|---|---|---|
//! | instantiate | [`Engine::load`], once | L0: [`Engine::instantiate`] | and [`Engine::start`], [`Engine::finish`] |
//! | load | starting the guest, dropping the module | L1: [`Engine::load`], [`Engine::instantiate`] | - |
//! | compile | reading the file, starting the guest, dropping the module | L2: [`Engine::compile`], [`Engine::instantiate`] | - |
//! | iterate | [`Engine::load`], once; [`Engine::instantiate`], [`Engine::finish`] | run: [`Engine::start`] | [`Engine::instantiate`] to [`Engine::finish`] |
//!
//! Every iteration is recorded, the first one too: warm-up is for analysis to look at. Samples
//! are kept until the loop is over, so that sending them disturbs no iteration. The budget is for
//! making instances: a heavy guest's one run is not charged to it, or nothing would be left.

use std::any::Any;
use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_record::{Boundary, Metric, Nanoseconds, Step};
use plimsoll_stopwatch::Instructions;
use rustix::time::{ClockId, clock_gettime};

use crate::guest::{Guest, Outputs};
use crate::protocol::{Done, Measure, Sample};
use crate::{Error, artefact, density};

/// A guest whose first run takes more processor time than this is heavy: a trial runs it once, to
/// verify it, and makes its other instances without running them. Otherwise a start of
/// microseconds would be sampled only as often as a run of a second allows. Cycle time is given
/// only where the guest was run. Processor time, because on a busy machine any guest can take
/// long.
pub const HEAVY_GUEST: Duration = Duration::from_millis(5);

/// An engine in one configuration, in this process. Making one is outside every clock: it is a
/// platform that is already running.
pub trait Engine {
    /// Compiled code in memory, linked to WASI as far as that does not depend on an instance.
    type Module;
    /// A guest ready to run: memory, WASI context and imports in place, `_start` looked up.
    type Instance;

    /// Validates and compiles the bytes of a `.wasm`.
    ///
    /// # Errors
    ///
    /// When the engine refuses the module.
    fn compile(&self, wasm: &[u8]) -> Result<Self::Module, Error>;

    /// Loads an artefact that `prepare` made of a `.wasm` with the same configuration.
    ///
    /// # Errors
    ///
    /// When the artefact cannot be read or is of another configuration.
    fn load(&self, artefact: &Path) -> Result<Self::Module, Error>;

    /// Makes an instance, ready to run.
    ///
    /// # Errors
    ///
    /// When the engine cannot, for example because an import is missing.
    fn instantiate(&self, module: &Self::Module, guest: &Guest) -> Result<Self::Instance, Error>;

    /// Runs `_start` to its end and gives the exit code; 0 if the guest merely returns.
    ///
    /// # Errors
    ///
    /// When the guest traps.
    fn start(&self, instance: &mut Self::Instance) -> Result<i32, Error>;

    /// What a thread that runs guests holds meanwhile, other than the one that made the engine.
    fn enter(&self) -> Box<dyn Any> {
        Box::new(())
    }

    /// Gives up an instance, started or not (the engine may drop it, or reset and keep it), and
    /// hands over what the guest wrote to its stdout.
    fn finish(&self, instance: Self::Instance) -> Vec<u8>;
}

/// Does one of the steps `instantiate`, `load`, `compile`, `instances` and `iterate`. `artefact` is
/// the file that `prepare` left for this pair; `compile` does not need it.
///
/// # Errors
///
/// What the engine says; [`Error::Unsupported`] for the others, which a process
/// cannot do to itself.
pub fn measure<E: Engine>(
    engine: &E,
    request: &Measure,
    artefact: &Path,
    samples: &mut dyn FnMut(Sample),
) -> Result<Done, Error> {
    if request.step == Step::Instances {
        return density::measure(engine, request, artefact, samples);
    }
    let guest = Guest::from(&request.workload);
    let trial = Trial {
        engine,
        guest: &guest,
        iterations: request.iterations.max(1),
        budget: request.budget.into(),
    };
    let taken = match request.step {
        Step::Instantiate => {
            artefact::require(artefact)?;
            let module = engine.load(artefact)?;
            trial.run(Boundary::L0, || Ok(Held::Kept(&module)))?
        }
        Step::Load => {
            artefact::require(artefact)?;
            trial.run(Boundary::L1, || engine.load(artefact).map(Held::Fresh))?
        }
        Step::Compile => {
            let wasm = artefact::read_wasm(&request.workload.wasm)?;
            trial.run(Boundary::L2, || engine.compile(&wasm).map(Held::Fresh))?
        }
        Step::Iterate => {
            artefact::require(artefact)?;
            let module = engine.load(artefact)?;
            trial.iterate(&module)?
        }
        Step::Process
        | Step::Fresh
        | Step::Processes
        | Step::Instances
        | Step::Serve
        | Step::ServeFresh
        | Step::Zero
        | Step::Idle
        | Step::Peak
        | Step::Size
        | Step::Conformance => {
            return Err(Error::Unsupported(format!(
                "the step {} is done by bench, with the launch that prepare gave",
                request.step
            )));
        }
    };
    taken.samples.into_iter().for_each(samples);
    Ok(Done {
        outputs: taken.outputs.into_vec(),
        stopped: None,
    })
}

/// A module that outlives the iteration, or one made in it.
enum Held<'m, M> {
    Kept(&'m M),
    Fresh(M),
}

impl<M> Held<'_, M> {
    fn get(&self) -> &M {
        match self {
            Held::Kept(module) => module,
            Held::Fresh(module) => module,
        }
    }
}

/// What a trial took.
struct Taken {
    samples: Vec<Sample>,
    outputs: Outputs,
}

struct Trial<'t, E> {
    engine: &'t E,
    guest: &'t Guest,
    iterations: u32,
    budget: Duration,
}

impl<'t, E: Engine> Trial<'t, E> {
    fn run<'m>(
        &self,
        boundary: Boundary,
        mut module: impl FnMut() -> Result<Held<'m, E::Module>, Error>,
    ) -> Result<Taken, Error>
    where
        E::Module: 'm,
    {
        // Two samples an iteration at most; made now, so that no iteration pays for its growth.
        let mut samples = Vec::with_capacity(self.iterations.min(100_000) as usize * 2);
        let mut outputs = Outputs::default();
        let mut heavy = false;
        let mut uncharged = Duration::ZERO;
        let begun = Instant::now();
        for iteration in 0..self.iterations {
            if iteration > 0 && begun.elapsed() - uncharged >= self.budget {
                break;
            }

            let requested = Instant::now();
            let module = module()?;
            let mut instance = self.engine.instantiate(module.get(), self.guest)?;
            let ready = Instant::now();
            // The first iteration's cycle pays for looking at this clock, and no other's.
            let busy = (iteration == 0).then(|| processor_time(ClockId::ThreadCPUTime));
            let ran = if heavy {
                None
            } else {
                Some(self.engine.start(&mut instance)?)
            };
            let ended = Instant::now();
            let stdout = self.engine.finish(instance);
            let gone = Instant::now();

            let mut sample = |metric, took: Duration| {
                samples.push(Sample {
                    boundary,
                    metric,
                    iteration,
                    at: None,
                    value: Nanoseconds::from(took).0,
                });
            };
            sample(Metric::WallTime, ready - requested);
            if let Some(exit_code) = ran {
                if boundary == Boundary::L0 {
                    sample(Metric::CycleTime, gone - requested);
                }
                outputs.add(exit_code, &stdout);
                let since = |before| processor_time(ClockId::ThreadCPUTime) - before;
                if busy.is_some_and(|before| since(before) > HEAVY_GUEST) {
                    heavy = true;
                    uncharged = ended - ready;
                }
            }
        }
        Ok(Taken { samples, outputs })
    }

    /// Runs the guest again and again, a fresh instance each time, with `_start` alone inside the
    /// clock. Every run is charged to the budget, recorded and verified, the first one too.
    fn iterate(&self, module: &E::Module) -> Result<Taken, Error> {
        let mut samples = Vec::with_capacity(self.iterations.min(100_000) as usize * 4);
        let mut outputs = Outputs::default();
        // Of this thread, on which every engine runs its guest. Many machines have no counter.
        let instructions = Instructions::of_this_thread().ok();
        let counted = || instructions.as_ref().and_then(Instructions::so_far);
        let begun = Instant::now();
        for iteration in 0..self.iterations {
            if iteration > 0 && begun.elapsed() >= self.budget {
                break;
            }

            let requested = Instant::now();
            let mut instance = self.engine.instantiate(module, self.guest)?;
            let counted_before = counted();
            // Of the whole process: an engine's other threads work for the guest, too.
            let busy = processor_time(ClockId::ProcessCPUTime);
            let started = Instant::now();
            let exit_code = self.engine.start(&mut instance)?;
            let ended = Instant::now();
            let busy = processor_time(ClockId::ProcessCPUTime) - busy;
            let counted_after = counted();
            let stdout = self.engine.finish(instance);
            let gone = Instant::now();

            outputs.add(exit_code, &stdout);
            let timed = [
                (Metric::WallTime, ended - started),
                (Metric::CpuTime, busy),
                (Metric::CycleTime, gone - requested),
            ];
            let timed = timed.map(|(metric, took)| (metric, Nanoseconds::from(took).0));
            let counted = counted_before.zip(counted_after);
            let counted = counted.map(|(from, to)| (Metric::Instructions, to.saturating_sub(from)));
            for (metric, value) in timed.into_iter().chain(counted) {
                samples.push(Sample {
                    boundary: Boundary::Run,
                    metric,
                    iteration,
                    at: None,
                    value,
                });
            }
        }
        Ok(Taken { samples, outputs })
    }
}

/// Processor time so far: of this thread, on which every engine runs its guest, or of the whole
/// process.
fn processor_time(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;
    use std::hint::spin_loop;
    use std::thread::sleep;

    use plimsoll_record::{TargetId, WorkloadId};

    use super::*;
    use crate::protocol::{Grants, Workload};

    /// What its guest spends its time on.
    #[derive(Default)]
    enum Spends {
        #[default]
        Nothing,
        Processor(Duration),
        Waiting(Duration),
    }

    /// Runs a guest that does nothing but take its time, and counts what is asked of it.
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
        let (done, samples) = measured(&engine, Step::Iterate, 4, AMPLE);
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
        let (_, samples) = measured(&engine, Step::Iterate, 3, AMPLE);
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
        let (done, _) = measured(&engine, Step::Iterate, 1000, Duration::from_millis(50));
        assert!(done.expect("measured").outputs[0].times <= 2);
    }

    #[test]
    fn an_engine_that_fails_in_the_loop_leaves_no_samples() {
        let (done, samples) = measured(&Sleeper::default(), Step::Compile, 3, AMPLE);
        assert!(matches!(done, Err(Error::Unsupported(_))));
        assert!(samples.is_empty());
    }
}
