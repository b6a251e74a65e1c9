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
//! | first-output-warm | [`Engine::load`], once; what follows the first byte | [`Engine::instantiate`], [`Engine::start`] to the first byte | - |
//! | first-output-artefact | what follows the first byte | [`Engine::load`], [`Engine::instantiate`], [`Engine::start`] to the first byte | - |
//! | iterate | [`Engine::load`], once; [`Engine::instantiate`], [`Engine::finish`] | run: [`Engine::start`] | [`Engine::instantiate`] to [`Engine::finish`] |
//!
//! Every iteration is recorded, the first one too: warm-up is for analysis to look at. Samples
//! are kept until the loop is over, so that sending them disturbs no iteration. The budget is for
//! making instances: a heavy guest's one run is not charged to it, or nothing would be left.

//!
//! # Layout
//!
//! - [`Engine`]: what an adapter gives
//! - `loops`: the loops that hold the clocks
//! - `first_byte`: when a guest's first byte of output arrives

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

/// Does one of the steps `instantiate`, `load`, `compile`, `first-output-warm`, `first-output-artefact`, `instances` and `iterate`. `artefact` is
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
