//! The timed steps of an engine that runs in the adapter's process.
//!
//! An adapter implements [`Engine`]. All clocks start and stop here, so every engine is timed alike:
//!
//! | step | outside | wall time | cycle time |
//! |---|---|---|---|
//! | instantiate | [`Engine::load`], once | L0: [`Engine::instantiate`] | plus [`Engine::start`], [`Engine::finish`] |
//! | load | starting the guest, dropping the module | L1: [`Engine::load`], [`Engine::instantiate`] | - |
//! | compile | file read, guest start, module drop | L2: [`Engine::compile`], [`Engine::instantiate`] | - |
//! | first-output-warm | [`Engine::load`], once | `instantiate` and `start`, to the first byte | - |
//! | first-output-artefact | after the first byte | `load`, `instantiate` and `start`, to the first byte | - |
//! | execute | [`Engine::load`], once; `instantiate`, `finish` | run: [`Engine::start`] | `instantiate` to `finish` |
//!
//! Every iteration is recorded, including the first; analysis decides about warm-up. Samples are sent after the loop,
//! so that sending does not disturb iterations. In the first three steps the budget covers making instances: the single
//! run of a heavy guest is not charged to it, because it would use it up.

//!
//! # Layout
//!
//! - [`Engine`]: what an adapter implements
//! - `loops`: the timed loops
//! - `first_byte`: detects a guest's first byte of output

mod first_byte;
mod loops;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::path::Path;
use std::time::Duration;

use plimsoll_record::{Boundary, Step};

use crate::guest::Guest;
use crate::protocol::{Done, Measure, Sample};
use crate::{Error, artefact, density};
use loops::{Held, Trial};

/// A guest is heavy if its first run takes more CPU time than this. A trial then runs it once, to verify it, and only
/// instantiates it afterwards. Otherwise a start of microseconds would be sampled only as often as a run of a second
/// allows. Cycle time is recorded only for iterations that run the guest. The limit is CPU time because any guest can
/// take long on a busy machine.
pub const HEAVY_GUEST: Duration = Duration::from_millis(5);

/// An engine in one configuration, in this process. Creating it is never timed: it stands for a platform that already
/// runs.
pub trait Engine {
    /// Compiled code in memory, linked to WASI as far as possible without an instance.
    type Module;
    /// A guest ready to run: memory, WASI context and imports set up, `_start` looked up.
    type Instance;

    /// Validates and compiles the bytes of a `.wasm`.
    ///
    /// # Errors
    ///
    /// If the engine rejects the module.
    fn compile(&self, wasm: &[u8]) -> Result<Self::Module, Error>;

    /// Loads an artefact that `prepare` made with the same configuration.
    ///
    /// # Errors
    ///
    /// If the artefact cannot be read or comes from another configuration.
    fn load(&self, artefact: &Path) -> Result<Self::Module, Error>;

    /// Creates an instance that is ready to run.
    ///
    /// # Errors
    ///
    /// If the engine fails, for example because an import is missing.
    fn instantiate(&self, module: &Self::Module, guest: &Guest) -> Result<Self::Instance, Error>;

    /// Runs `_start` to completion and returns the exit code; 0 if the guest simply returns.
    ///
    /// # Errors
    ///
    /// If the guest traps.
    fn start(&self, instance: &mut Self::Instance) -> Result<i32, Error>;

    /// Returns a guard that a thread keeps while it runs guests, if it did not create the engine.
    fn enter(&self) -> Box<dyn Any> {
        Box::new(())
    }

    /// Releases an instance, started or not (the engine may drop it, or reset and keep it), and returns the guest's
    /// stdout.
    fn finish(&self, instance: Self::Instance) -> Vec<u8>;
}

/// Runs one of the steps that an engine can do in its own process. `artefact` is the file that `prepare` wrote for this
/// pair; `compile` does not need it.
///
/// # Errors
///
/// The engine's error; [`Error::Unsupported`] for all other steps.
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
        Step::FirstOutputWarm => {
            artefact::require(artefact)?;
            let module = engine.load(artefact)?;
            trial.first_output(Boundary::FirstOutputWarm, || Ok(Held::Kept(&module)))?
        }
        Step::FirstOutputArtefact => {
            artefact::require(artefact)?;
            trial.first_output(Boundary::FirstOutputArtefact, || {
                engine.load(artefact).map(Held::Fresh)
            })?
        }
        Step::Execute => {
            artefact::require(artefact)?;
            let module = engine.load(artefact)?;
            trial.iterate(&module)?
        }
        Step::Process
        | Step::Deploy
        | Step::Processes
        | Step::Instances
        | Step::Serve
        | Step::ServeFresh
        | Step::FirstResponse
        | Step::Idle
        | Step::Peak
        | Step::Size
        | Step::Count
        | Step::Beside
        | Step::BesideLimited
        | Step::Conformance
        | Step::Sandbox => {
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
