//! The timed loops.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_record::{Boundary, Metric, Nanoseconds};
use plimsoll_stopwatch::Instructions;
use rustix::time::{ClockId, clock_gettime};

use super::first_byte::FirstByte;
use super::{Engine, HEAVY_GUEST};
use crate::Error;
use crate::guest::{Guest, Outputs, Stdio};
use crate::protocol::Sample;

/// A module that outlives the iteration, or one created in it.
pub(super) enum Held<'m, M> {
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

/// Results of a trial.
pub(super) struct Taken {
    pub(super) samples: Vec<Sample>,
    pub(super) outputs: Outputs,
}

/// One trial: a loop of iterations.
pub(super) struct Trial<'t, E> {
    pub(super) engine: &'t E,
    pub(super) guest: &'t Guest,
    pub(super) iterations: u32,
    /// Time limit: for instantiation in [`Trial::run`], for whole iterations in the other loops.
    pub(super) budget: Duration,
}

impl<'t, E: Engine> Trial<'t, E> {
    /// Times instantiation; `module` is called inside the clock.
    pub(super) fn run<'m>(
        &self,
        boundary: Boundary,
        mut module: impl FnMut() -> Result<Held<'m, E::Module>, Error>,
    ) -> Result<Taken, Error>
    where
        E::Module: 'm,
    {
        // At most two samples per iteration; allocated here so that no iteration pays for growth.
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
            // Only the first iteration's cycle time includes reading this clock.
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

    /// Like [`Trial::run`], but runs the guest: the clock stops when a reader in this process gets the first byte.
    /// Every run is charged to the budget and verified.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the guest writes nothing.
    pub(super) fn first_output<'m>(
        &self,
        boundary: Boundary,
        mut module: impl FnMut() -> Result<Held<'m, E::Module>, Error>,
    ) -> Result<Taken, Error>
    where
        E::Module: 'm,
    {
        let mut samples = Vec::with_capacity(self.iterations.min(100_000) as usize);
        let mut outputs = Outputs::default();
        let begun = Instant::now();
        for iteration in 0..self.iterations {
            if iteration > 0 && begun.elapsed() >= self.budget {
                break;
            }
            let reader = FirstByte::listen()?;
            let guest = Guest {
                stdio: Stdio::Connection(Arc::clone(&reader.guests_end)),
                ..self.guest.clone()
            };

            let requested = Instant::now();
            let module = module()?;
            let mut instance = self.engine.instantiate(module.get(), &guest)?;
            let exit_code = self.engine.start(&mut instance)?;
            self.engine.finish(instance);

            let (first, stdout) = reader.end()?;
            let first = first.ok_or_else(|| {
                Error::Unsupported("the guest writes nothing, so it has no first output".to_owned())
            })?;
            outputs.add(exit_code, &stdout);
            samples.push(Sample {
                boundary,
                metric: Metric::WallTime,
                iteration,
                at: None,
                value: Nanoseconds::from(first - requested).0,
            });
        }
        Ok(Taken { samples, outputs })
    }

    /// Runs the guest repeatedly, a fresh instance each time, timing only `_start`. Every run, including the first, is
    /// recorded, verified and charged to the budget.
    pub(super) fn iterate(&self, module: &E::Module) -> Result<Taken, Error> {
        let mut samples = Vec::with_capacity(self.iterations.min(100_000) as usize * 4);
        let mut outputs = Outputs::default();
        // For this thread, where every engine runs its guest. Many machines have no counter.
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
            // For the whole process, because an engine's other threads work for the guest too.
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

/// CPU time so far, of this thread (which runs the guest in every engine) or of the process.
pub(super) fn processor_time(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}
