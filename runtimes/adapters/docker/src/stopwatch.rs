//! The stopwatch in a container: a static program that times the workload's program. It is copied into a created
//! container, so that the image does not change.

use std::fs;
use std::path::PathBuf;

use bollard::Docker;
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use plimsoll_adapter::Error;
use plimsoll_adapter::image;
use plimsoll_adapter::protocol::Measure;
use plimsoll_adapter::record::Nanoseconds;

use crate::failure::{CREATE, Failure, bounded};

/// Its build target; static programs need an explicit target.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// Its file name in the container's root folder.
const NAME: &str = "plimsoll-stopwatch";

/// The program and its command line.
#[derive(Debug, Clone)]
pub struct Stopwatch {
    /// Entry point for the container.
    pub entrypoint: Vec<String>,
    /// Tar archive with the program.
    archive: Vec<u8>,
}

impl Stopwatch {
    /// Reads the program; its command line follows `request`.
    ///
    /// # Errors
    ///
    /// If it has not been built or cannot be read.
    pub fn read(request: &Measure) -> Result<Self, Error> {
        let path = path();
        let program = fs::read(&path).map_err(|error| {
            let tried = format!("reading {}", path.display());
            Error::failed(tried, format!("{error}; `bench setup docker` builds it"))
        })?;
        let mut archive = tar::Builder::new(Vec::new());
        let written =
            image::append_entry(&mut archive, tar::EntryType::Regular, NAME, 0o755, &program)
                .and_then(|()| archive.into_inner())
                .map_err(|error| Error::failed("packing the stopwatch", error))?;
        let Nanoseconds(budget) = request.budget;
        let mut entrypoint = vec![
            format!("/{NAME}"),
            request.iterations.to_string(),
            budget.to_string(),
            image::program(&request.workload, None),
        ];
        entrypoint.extend(request.workload.args.iter().cloned());
        Ok(Stopwatch {
            entrypoint,
            archive: written,
        })
    }

    /// Copies the program into a container that has not started.
    ///
    /// # Errors
    ///
    /// If the engine does not answer or refuses.
    pub async fn put_into(&self, docker: &Docker, container: &str) -> Result<(), Failure> {
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let body = bollard::body_full(self.archive.clone().into());
        let putting = docker.upload_to_container(container, Some(options), body);
        bounded("putting the stopwatch into the container", CREATE, putting).await
    }
}

/// Path where the build writes it.
pub(crate) fn path() -> PathBuf {
    // This executable is in a profile's folder of the build directory.
    let own = std::env::current_exe().unwrap_or_default();
    let build = own.parent().and_then(std::path::Path::parent);
    build
        .unwrap_or(std::path::Path::new(""))
        .join(TRIPLE)
        .join("release")
        .join(NAME)
}
