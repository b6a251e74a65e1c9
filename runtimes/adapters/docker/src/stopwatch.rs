//! The stopwatch inside a container: the static program that times the workload's, put into a
//! created container beside it. The image stays as it is.

use std::fs;
use std::path::PathBuf;

use bollard::Docker;
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use plimsoll_adapter::Error;
use plimsoll_adapter::image;
use plimsoll_adapter::protocol::Measure;
use plimsoll_adapter::record::Nanoseconds;

use crate::failure::{CREATE, Failure, bounded};

/// The triple that it is built for, because a static program needs it said.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// Its name at a container's root.
const NAME: &str = "plimsoll-stopwatch";

/// The program, and how it is called.
#[derive(Debug, Clone)]
pub struct Stopwatch {
    /// A container's command line.
    pub entrypoint: Vec<String>,
    /// A tar archive that holds the program.
    archive: Vec<u8>,
}

impl Stopwatch {
    /// Reads the program, to be called as `request` asks.
    ///
    /// # Errors
    ///
    /// When it has not been built, or cannot be read.
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

    /// Puts the program into a container that has not been started.
    ///
    /// # Errors
    ///
    /// When the engine does not answer or refuses.
    pub async fn put_into(&self, docker: &Docker, container: &str) -> Result<(), Failure> {
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let body = bollard::body_full(self.archive.clone().into());
        let putting = docker.upload_to_container(container, Some(options), body);
        bounded("putting the stopwatch into the container", CREATE, putting).await
    }
}

/// Where the build leaves it.
pub(crate) fn path() -> PathBuf {
    // This executable is in the profile's directory of a build directory.
    let own = std::env::current_exe().unwrap_or_default();
    let build = own.parent().and_then(std::path::Path::parent);
    build
        .unwrap_or(std::path::Path::new(""))
        .join(TRIPLE)
        .join("release")
        .join(NAME)
}
