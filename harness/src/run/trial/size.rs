//! Measures sizes on disk and bytes to deploy.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_adapter::protocol::{Launch, Sample};
use plimsoll_adapter::size::{Weight, weigh_all};
use plimsoll_record::{Boundary, Metric};

/// Cached sizes: an engine's runner is the same for every workload.
#[derive(Debug, Default)]
pub struct Scales(BTreeMap<PathBuf, Weight>);

impl Scales {
    /// The samples of a target that is a process: its artefact, and its runner unless the artefact is the
    /// program itself. `wasm` is the source of the artefact.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn samples(&mut self, launch: &Launch, wasm: &Path) -> io::Result<Vec<Sample>> {
        let artefact = self.weigh(&launch.artefact)?;
        let mut travels = artefact;
        let mut samples = vec![
            sample(Metric::ArtefactBytes, artefact.bytes),
            sample(Metric::ArtefactCompressedBytes, artefact.compressed_bytes),
        ];
        if launch.program != launch.artefact {
            let runner = self.weigh(&launch.program)?;
            travels.bytes += runner.bytes;
            travels.compressed_bytes += runner.compressed_bytes;
            samples.push(sample(Metric::RunnerBytes, runner.bytes));
            samples.push(sample(Metric::ModuleBytes, self.weigh(wasm)?.bytes));
        }
        samples.push(sample(Metric::TransferBytes, travels.bytes));
        samples.push(sample(
            Metric::TransferCompressedBytes,
            travels.compressed_bytes,
        ));
        Ok(samples)
    }

    fn weigh(&mut self, path: &Path) -> io::Result<Weight> {
        if let Some(&weight) = self.0.get(path) {
            return Ok(weight);
        }
        let weight = weigh_all(path)?;
        self.0.insert(path.to_owned(), weight);
        Ok(weight)
    }
}

fn sample(metric: Metric, value: u64) -> Sample {
    Sample {
        boundary: Boundary::OnDisk,
        metric,
        iteration: 0,
        at: None,
        value,
    }
}
