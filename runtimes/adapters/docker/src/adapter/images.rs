//! Creates and removes the images of a session's pairs, and removes leftovers of dead owners.

use std::fs;
use std::path::Path;

use plimsoll_adapter::protocol::{Measure, Workload};
use plimsoll_adapter::{Error, native};

use super::{Session, usable};
use crate::base::Base;
use crate::failure::Failure;
use crate::image::{Image, Source};
use crate::owner;
use crate::targets::Under;

impl Session {
    /// Returns the pair's image, loaded in the engine.
    pub(crate) fn image(
        &mut self,
        under: Under,
        workload: &Workload,
        scratch: &Path,
    ) -> Result<Image, Error> {
        let engine = usable(&self.engine)?;
        if let Some(image) = self.images.get(scratch) {
            // A failed trial at L6 may have left a known image unloaded.
            if self.runtime.block_on(image.size(&engine.docker)).is_ok() {
                return Ok(image.clone());
            }
        }
        let image = match &workload.image {
            Some(name) => Image::given(name, &workload.args),
            None => {
                let program = native::require(workload)?;
                let name = self.next_name();
                let base = match (under, &self.base) {
                    (Under::Nothing, _) => None,
                    (Under::Debian, Ok(base)) => Some(base.clone()),
                    (Under::Debian, Err(unusable)) => {
                        return Err(Error::Failed(format!("{unusable}; {}", unusable.remedy())));
                    }
                };
                let image = Image::write(workload, program, base, &self.owner, name, scratch)?;
                self.runtime.block_on(image.load(&engine.docker))?;
                image
            }
        };
        self.images.insert(scratch.to_owned(), image.clone());
        Ok(image)
    }

    /// A copy of the pair's image on a base layer that the engine does not have.
    pub(super) fn anew(&self, base: &Base, request: &Measure) -> Result<Image, Failure> {
        let workload = &request.workload;
        let sequence = self.next_name();
        let written = |source| Failure::Archive {
            doing: "reading the distribution's archive",
            path: base.archive.clone(),
            source,
        };
        let name = format!("{}-{sequence}", self.owner.word());
        let base = base.anew(&name).map_err(written)?;
        let program = workload.native.as_deref().unwrap_or(&workload.wasm);
        Image::write(
            workload,
            program,
            Some(base),
            &self.owner,
            sequence,
            &request.scratch,
        )
    }

    /// Removes leftovers of dead owners. A failure is only reported, because strays do not affect the measurements.
    pub(crate) fn reap(&self) {
        let Ok(engine) = &self.engine else { return };
        match self.runtime.block_on(owner::reap(&engine.docker)) {
            Ok(removed) if removed == owner::Removed::default() => {}
            Ok(removed) => eprintln!(
                "removed what an interrupted run had left: {} containers, {} images",
                removed.containers, removed.images
            ),
            Err(failure) => eprintln!("looking for what interrupted runs have left: {failure}"),
        }
    }

    /// Removes everything that this process created.
    pub(super) fn remove_all(&mut self) {
        for image in std::mem::take(&mut self.images).into_values() {
            if let Source::Written { archive, .. } = image.source {
                // The archive may be gone with the run's folder.
                let _ = fs::remove_file(archive);
            }
        }
        let Ok(engine) = &self.engine else { return };
        let removing = owner::remove_all_of(&engine.docker, &self.owner);
        if let Err(failure) = self.runtime.block_on(removing) {
            eprintln!("something may be left on the Docker engine until the next start: {failure}");
        }
    }
}
