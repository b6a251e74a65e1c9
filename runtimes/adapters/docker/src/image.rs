//! The image of one (target, workload) pair: writes (`plimsoll_adapter::image`), loads and removes it.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use bollard::Docker;
use bollard::query_parameters::ImportImageOptionsBuilder;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use plimsoll_adapter::image::{self, Content};
use plimsoll_adapter::protocol::Workload;
use plimsoll_adapter::size::{Weight, weigh, weigh_file};

use crate::base::Base;
use crate::failure::{Failure, LOAD, SAY, bounded};
use crate::owner::{self, Owner};

/// Bytes of the archive to read at a time; larger than the socket's buffer.
const CHUNK: usize = 256 << 10;

/// An image and its origin.
#[derive(Debug, Clone)]
pub struct Image {
    /// Name in the engine; unique to the owner and pair if made here.
    pub name: String,
    /// Origin of the image.
    pub source: Source,
}

/// Origin of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Made here: loaded from this archive, and removed at the end.
    Written {
        /// Everything in the image except its base.
        archive: PathBuf,
        /// The layer below the program, if any.
        base: Option<Base>,
    },
    /// The user's own image: only run, with these arguments; neither loaded nor removed.
    Given(Vec<String>),
}

impl Image {
    /// The user's own image with this name. It is not checked that the engine has it.
    pub fn given(name: &str, args: &[String]) -> Self {
        Image {
            name: name.to_owned(),
            source: Source::Given(args.to_vec()),
        }
    }

    /// Whether it is the user's own image.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.source, Source::Given(_))
    }

    /// Arguments for the entry point, if the image does not define them.
    pub(crate) fn command(&self) -> Option<Vec<String>> {
        match &self.source {
            Source::Given(args) if !args.is_empty() => Some(args.clone()),
            _ => None,
        }
    }

    /// The layer below the program.
    pub(crate) fn base(&self) -> Option<&Base> {
        match &self.source {
            Source::Written { base, .. } => base.as_ref(),
            Source::Given(_) => None,
        }
    }

    /// The program's path in the container.
    pub(crate) fn program(&self, workload: &Workload) -> String {
        image::program(workload, self.base().map(|base| base.digest.as_str()))
    }

    /// The archive to load the image from.
    fn archive(&self) -> io::Result<&Path> {
        match &self.source {
            Source::Written { archive, .. } => Ok(archive),
            Source::Given(_) => Err(io::Error::other("the user's own image has no archive here")),
        }
    }

    /// Writes the archive of a workload's image into a folder.
    ///
    /// # Errors
    ///
    /// If the binary or input cannot be read, or the archive cannot be written.
    pub fn write(
        workload: &Workload,
        program: &Path,
        base: Option<Base>,
        owner: &Owner,
        sequence: u32,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let name = format!("plimsoll/{}:{}-{sequence}", workload.id, owner.word());
        let archive = folder.join(format!("image-{}-{sequence}.tar", owner.word()));
        let content = Content {
            name: &name,
            workload,
            program,
            below: base.as_ref().map(|base| base.digest.as_str()),
            labels: owner::labels(owner).into_iter().collect(),
        };
        match content.write(&archive) {
            Ok(()) => Ok(Image {
                name,
                source: Source::Written { archive, base },
            }),
            Err(source) => Err(Failure::Archive {
                doing: "writing the image's archive",
                path: archive,
                source,
            }),
        }
    }

    /// Loads the archive into the engine, like `docker load`.
    ///
    /// # Errors
    ///
    /// If the archive cannot be read, or the engine refuses it.
    pub async fn load(&self, docker: &Docker) -> Result<(), Failure> {
        let Some(base) = self.base() else {
            return self.send(docker, None).await;
        };
        if base.before.is_empty() {
            // The engine has this layer. If it refuses an archive without the layer, send it complete.
            match self.send(docker, None).await {
                Err(Failure::Refused { .. }) => {}
                done => return done,
            }
        }
        self.send(docker, Some(base)).await
    }

    async fn send(&self, docker: &Docker, base: Option<&Base>) -> Result<(), Failure> {
        let content = self.content(base).map_err(|source| Failure::Archive {
            doing: "opening the image's archive",
            path: self.archive().map(Path::to_owned).unwrap_or_default(),
            source,
        })?;
        let chunks = stream::unfold(content, |mut content| async move {
            let mut chunk = vec![0; CHUNK];
            match content.read(&mut chunk) {
                Ok(0) => None,
                Ok(length) => {
                    chunk.truncate(length);
                    Some((Ok(Bytes::from(chunk)), content))
                }
                Err(error) => Some((Err(error), content)),
            }
        });
        let options = ImportImageOptionsBuilder::new().quiet(true).build();
        let mut answers = docker.import_image(options, bollard::body_try_stream(chunks), None);
        let doing = "loading the image";
        let answered = async {
            while let Some(answer) = answers.next().await {
                answer?;
            }
            Ok(())
        };
        bounded(doing, LOAD, answered).await
    }

    /// The bytes to send: the archive, preceded by the base if given.
    fn content(&self, base: Option<&Base>) -> io::Result<Box<dyn Read + Send>> {
        let archive = File::open(self.archive()?)?;
        Ok(match base {
            None => Box::new(archive),
            Some(base) => {
                let (before, after) = base.around()?;
                let root = File::open(&base.archive)?;
                let layer = Cursor::new(before).chain(root).chain(Cursor::new(after));
                Box::new(layer.chain(archive))
            }
        })
    }

    /// Removes it from the engine; it may be gone already.
    ///
    /// # Errors
    ///
    /// If the engine does not answer or refuses.
    pub async fn remove(&self, docker: &Docker) -> Result<(), Failure> {
        if self.is_given() {
            return Ok(());
        }
        owner::remove_image(docker, &self.name).await
    }

    /// Size in the engine, in bytes.
    ///
    /// # Errors
    ///
    /// If the engine does not answer or does not have the image.
    pub async fn size(&self, docker: &Docker) -> Result<u64, Failure> {
        let inspected = bounded(
            "inspecting the image",
            SAY,
            docker.inspect_image(&self.name),
        )
        .await?;
        Ok(inspected
            .size
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or_default())
    }
}

/// Transfer sizes of an archive.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weights {
    /// Only its layers.
    pub(crate) layers: Weight,
    /// The whole archive: layers, configuration and manifest.
    pub(crate) archive: Weight,
}

impl Image {
    /// Sizes of the archive and of its layers.
    pub(crate) fn weigh(&self) -> io::Result<Weights> {
        let mut weights = Weights {
            archive: weigh_file(self.archive()?)?,
            ..Weights::default()
        };
        if let Some(base) = self.base() {
            let layer = weigh_file(&base.archive)?;
            for sum in [&mut weights.layers, &mut weights.archive] {
                sum.bytes += layer.bytes;
                sum.compressed_bytes += layer.compressed_bytes;
            }
        }
        let mut archive = tar::Archive::new(File::open(self.archive()?)?);
        for entry in archive.entries()? {
            let entry = entry?;
            if entry.path()?.ends_with("layer.tar") {
                let layer = weigh(entry)?;
                weights.layers.bytes += layer.bytes;
                weights.layers.compressed_bytes += layer.compressed_bytes;
            }
        }
        Ok(weights)
    }
}
