//! The image of one (target, workload) pair: written as an archive, loaded, removed.
//!
//! The archive is what `docker save` writes and `docker load` reads (Docker Image Specification
//! 1.2): a manifest, a configuration and one layer. It is written here, so that making an image
//! needs no registry, no build cache and no `docker` command, and so that boundary L6 reads
//! exactly the bytes that are on disk.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bollard::Docker;
use bollard::query_parameters::ImportImageOptionsBuilder;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use plimsoll_adapter::protocol::Workload;
use plimsoll_adapter::weigh::{Weight, weigh, weigh_file};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::failure::{Failure, LOAD, SAY, bounded};
use crate::owner::{self, Owner};

/// Where a container finds the input folder, its working directory.
const INPUT: &str = "input";

/// How much of the archive is read at a time; the socket's buffer is smaller.
const CHUNK: usize = 256 << 10;

/// An image, and where it is from.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its name on the engine; unique to the owner and the pair if it was made here.
    pub name: String,
    /// Where it is from.
    pub source: Source,
}

/// Where an image is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It was made here: loaded from this archive, removed at the end.
    Written(PathBuf),
    /// It is the user's own: neither loaded nor removed, only run, with these arguments.
    Given(Vec<String>),
}

impl Image {
    /// The user's own image of this name. Whether the engine has it shows when it is asked for.
    pub fn given(name: &str, args: &[String]) -> Self {
        Image {
            name: name.to_owned(),
            source: Source::Given(args.to_vec()),
        }
    }

    /// Whether it is the user's own.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.source, Source::Given(_))
    }

    /// What is given to its entry point, where the image itself does not say.
    pub(crate) fn command(&self) -> Option<Vec<String>> {
        match &self.source {
            Source::Given(args) if !args.is_empty() => Some(args.clone()),
            _ => None,
        }
    }

    /// The archive that it is loaded from.
    fn archive(&self) -> io::Result<&Path> {
        match &self.source {
            Source::Written(archive) => Ok(archive),
            Source::Given(_) => Err(io::Error::other("the user's own image has no archive here")),
        }
    }

    /// Writes the archive of a workload's image into a folder.
    ///
    /// # Errors
    ///
    /// When the binary or the input cannot be read, or the archive cannot be written.
    pub fn write(
        workload: &Workload,
        program: &Path,
        owner: &Owner,
        sequence: u32,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let name = format!("plimsoll/{}:{}-{sequence}", workload.id, owner.name());
        let archive = folder.join(format!("image-{}.tar", owner.name()));
        let layer = folder.join(format!("layer-{}.tar", owner.name()));
        let written = write_layer(&layer, workload, program, &name)
            .and_then(|digest| write_archive(&archive, &layer, &digest, workload, owner, &name));
        let cleaned = match fs::remove_file(&layer) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        match written.and(cleaned) {
            Ok(()) => Ok(Image {
                name,
                source: Source::Written(archive),
            }),
            Err(source) => Err(Failure::Archive {
                doing: "writing the image's archive",
                path: archive,
                source,
            }),
        }
    }

    /// Loads the archive into the engine, as `docker load` does.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read, or the engine refuses it.
    pub async fn load(&self, docker: &Docker) -> Result<(), Failure> {
        let opened = self.archive().and_then(File::open);
        let file = opened.map_err(|source| Failure::Archive {
            doing: "opening the image's archive",
            path: self.archive().map(Path::to_owned).unwrap_or_default(),
            source,
        })?;
        let chunks = stream::unfold(file, |mut file| async move {
            let mut chunk = vec![0; CHUNK];
            match file.read(&mut chunk) {
                Ok(0) => None,
                Ok(length) => {
                    chunk.truncate(length);
                    Some((Ok(Bytes::from(chunk)), file))
                }
                Err(error) => Some((Err(error), file)),
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

    /// Removes it from the engine; it may be gone already.
    ///
    /// # Errors
    ///
    /// When the engine does not answer or refuses.
    pub async fn remove(&self, docker: &Docker) -> Result<(), Failure> {
        if self.is_given() {
            return Ok(());
        }
        owner::remove_image(docker, &self.name).await
    }

    /// Its size in the engine, in bytes.
    ///
    /// # Errors
    ///
    /// When the engine does not answer, or does not have it.
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

/// What an archive weighs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weights {
    /// Its layers.
    pub(crate) layers: Weight,
    /// All of it: layers, configuration and manifest.
    pub(crate) archive: Weight,
}

impl Image {
    /// Weighs the archive, and the layers in it.
    pub(crate) fn weigh(&self) -> io::Result<Weights> {
        let mut weights = Weights {
            archive: weigh_file(self.archive()?)?,
            ..Weights::default()
        };
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

/// Writes the only layer; gives its SHA-256.
fn write_layer(path: &Path, workload: &Workload, program: &Path, name: &str) -> io::Result<String> {
    let mut layer = tar::Builder::new(Hashing {
        inner: io::BufWriter::new(File::create(path)?),
        hash: Sha256::new(),
    });
    layer.mode(tar::HeaderMode::Deterministic);
    layer.follow_symlinks(true);
    layer.append_path_with_name(program, binary_path(workload))?;
    match &workload.input {
        Some(input) => append_folder(&mut layer, input, Path::new(INPUT))?,
        None => append_entry(&mut layer, tar::EntryType::Directory, INPUT, 0o755, b"")?,
    }
    // The engine keeps one copy of layers that are equal, whoever's they are, and a load that
    // finds its layer there already measures nothing. So no two images here have equal layers.
    append_entry(
        &mut layer,
        tar::EntryType::Regular,
        ".plimsoll",
        0o644,
        name.as_bytes(),
    )?;
    let mut written = layer.into_inner()?;
    written.flush()?;
    Ok(hex(&written.hash.finalize()))
}

/// The program's path as a container sees it.
pub(crate) fn program(workload: &Workload) -> String {
    format!("/{}", binary_path(workload))
}

/// Where a container finds its program: `argv[0]` ends in the workload's id.
fn binary_path(workload: &Workload) -> String {
    format!("bin/{}", workload.id)
}

/// Appends a folder, its entries in the order of their names so that equal folders make equal
/// archives.
fn append_folder<W: Write>(
    layer: &mut tar::Builder<W>,
    folder: &Path,
    name: &Path,
) -> io::Result<()> {
    layer.append_path_with_name(folder, name)?;
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = name.join(entry.file_name());
        if fs::metadata(&path)?.is_dir() {
            append_folder(layer, &path, &name)?;
        } else {
            layer.append_path_with_name(&path, &name)?;
        }
    }
    Ok(())
}

fn write_archive(
    path: &Path,
    layer: &Path,
    layer_sha256: &str,
    workload: &Workload,
    owner: &Owner,
    name: &str,
) -> io::Result<()> {
    const CREATED: &str = "1970-01-01T00:00:00Z";
    let configuration = json!({
        "architecture": architecture(),
        "os": "linux",
        "created": CREATED,
        "config": {
            "Entrypoint": [format!("/{}", binary_path(workload))],
            "Cmd": workload.args,
            "Env": workload.grants.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            "WorkingDir": format!("/{INPUT}"),
            "Labels": owner.labels(),
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_sha256}")] },
        "history": [{ "created": CREATED, "created_by": "plimsoll, from scratch" }],
    })
    .to_string();
    let configuration_name = format!("{}.json", hex(&Sha256::digest(&configuration)));
    let layer_name = format!("{layer_sha256}/layer.tar");
    let manifest = json!([{
        "Config": configuration_name,
        "RepoTags": [name],
        "Layers": [layer_name],
    }])
    .to_string();

    let mut archive = tar::Builder::new(io::BufWriter::new(File::create(path)?));
    archive.mode(tar::HeaderMode::Deterministic);
    let regular = tar::EntryType::Regular;
    append_entry(
        &mut archive,
        regular,
        "manifest.json",
        0o644,
        manifest.as_bytes(),
    )?;
    append_entry(
        &mut archive,
        regular,
        &configuration_name,
        0o644,
        configuration.as_bytes(),
    )?;
    archive.append_path_with_name(layer, layer_name)?;
    archive.into_inner()?.flush()
}

pub(crate) fn append_entry<W: Write>(
    archive: &mut tar::Builder<W>,
    kind: tar::EntryType,
    name: &str,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, name, content)
}

/// This machine's architecture in the words of images (GOARCH).
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hashes what passes through.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
