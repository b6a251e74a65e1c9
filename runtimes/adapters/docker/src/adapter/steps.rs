//! Steps that need more than running a container once: serving, timing from inside, waiting containers, and peak
//! memory.

use plimsoll_adapter::guest::Outputs;
use plimsoll_adapter::protocol::{Done, Instances, Measure, Sample, Serve};
use plimsoll_adapter::record::{Boundary, Metric, Step};
use plimsoll_adapter::{Error, Served, stopwatch_client};

use super::{RETRIES, Session, usable};
use crate::container::{self, Plan};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::image::{Image, Weights};
use crate::owner;
use crate::peak::Follower;
use crate::serving;
use crate::stopwatch::Stopwatch;
use crate::targets::Configuration;
use crate::waiting;

impl Session {
    pub(super) fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        if request.instances == Instances::Fresh {
            return Err(Error::Unsupported(
                "a container is not made for a request here: its start is the step zero".to_owned(),
            ));
        }
        self.stop()?;
        let configuration = self.configuration(&request.target)?;
        let image = self.image(configuration.under, &request.workload, &request.scratch)?;
        let engine = usable(&self.engine)?;
        let sequence = self.next_name();
        let plan = self.plan(&image, &configuration, sequence);
        let name = format!("plimsoll-{}-{sequence}", self.owner.word());
        let started = self
            .runtime
            .block_on(serving::start(&engine.docker, plan, &name));
        self.serving = Some(name);
        match started {
            Ok(address) => Ok(Served::At(address)),
            Err(failure) => {
                self.stop()?;
                Err(failure.into())
            }
        }
    }

    pub(super) fn stop(&mut self) -> Result<(), Error> {
        let Some(name) = self.serving.take() else {
            return Ok(());
        };
        let engine = usable(&self.engine)?;
        let removing = owner::remove_container(&engine.docker, &name);
        Ok(self.runtime.block_on(removing)?)
    }

    /// Runs the program repeatedly under the stopwatch in one container.
    pub(super) fn iterate(
        &self,
        engine: &Engine,
        image: &Image,
        configuration: &Configuration,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        let stopwatch = Stopwatch::read(request)?;
        let plan = Plan {
            inside: Some(&stopwatch),
            ..self.plan(image, configuration, self.next_name())
        };
        let mut ending = self.ending.clone();
        let ran = self
            .runtime
            .block_on(container::run(&engine.docker, plan, &mut ending))?;
        if ran.exit_code != 0 {
            let stderr = String::from_utf8_lossy(&ran.stderr);
            return Err(Error::failed(
                "timing the program in its container",
                stderr.trim(),
            ));
        }
        let watched = serde_json::from_slice(&ran.stdout)
            .map_err(|error| Error::failed("reading what the stopwatch printed", error))?;
        Ok(stopwatch_client::done(watched, samples))
    }

    /// Measures waiting containers, level by level.
    pub(super) fn waiting(
        &self,
        engine: &Engine,
        image: &Image,
        configuration: &Configuration,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        let levels = request.required_levels()?;
        let most = levels.alive.iter().copied().max().unwrap_or(0);
        let first = self.names.get().saturating_add(1);
        self.names
            .set(first.saturating_add(u32::try_from(most).unwrap_or(u32::MAX)));
        let asked = waiting::Asked {
            plan: self.plan(image, configuration, first),
            levels,
            boundary: match request.step {
                Step::Idle => Boundary::Idle,
                _ => Boundary::Processes,
            },
        };
        let mut ending = self.ending.clone();
        self.runtime.block_on(waiting::measure(
            &engine.docker,
            asked,
            &mut ending,
            samples,
        ))
    }

    /// Follows the guest of one container to its end.
    pub(super) fn peak(
        &self,
        engine: &Engine,
        image: &Image,
        configuration: &Configuration,
        program: &str,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        for _ in 0..=RETRIES {
            let plan = self.plan(image, configuration, self.next_name());
            let mut ending = self.ending.clone();
            let mut follower = None;
            let ran = self.runtime.block_on(container::run_watched(
                &engine.docker,
                plan,
                &mut ending,
                |container| follower = Some(Follower::of(container, program.to_owned())),
            ));
            let seen = follower.and_then(Follower::seen);
            let ran = match ran {
                Err(Failure::WaitMissed) => continue,
                ran => ran?,
            };
            if let Some(seen) = seen {
                seen.into_iter().for_each(&mut *samples);
                let mut outputs = Outputs::default();
                outputs.add(ran.exit_code, &ran.stdout);
                return Ok(Done {
                    outputs: outputs.into_vec(),
                    stopped: None,
                });
            }
            eprintln!("the guest had ended before it was followed; trying again");
        }
        Err(Failure::Unseen.into())
    }
}

/// Sizes of an image: unpacked in the engine, and in transfer.
pub(super) fn sizes(unpacked_bytes: u64, weights: Weights) -> [Sample; 4] {
    [
        (Metric::ArtefactBytes, unpacked_bytes),
        (
            Metric::ArtefactCompressedBytes,
            weights.layers.compressed_bytes,
        ),
        (Metric::TransferBytes, weights.archive.bytes),
        (
            Metric::TransferCompressedBytes,
            weights.archive.compressed_bytes,
        ),
    ]
    .map(|(metric, value)| Sample {
        boundary: Boundary::OnDisk,
        metric,
        iteration: 0,
        at: None,
        value,
    })
}
