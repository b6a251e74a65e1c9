//! Writes archives of container images that contain a workload's program.
//!
//! The format is that of `docker save`, which `docker load` and `ctr images import` read (Docker Image Specification
//! 1.2): a manifest, a configuration and one layer. Writing it here means that an image needs no registry, build cache
//! or command, and that boundary L6 reads exactly the bytes on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::protocol::Workload;

/// The input folder's path in the container, also the working directory.
pub const INPUT: &str = "input";

/// Contents of an image.
#[derive(Debug, Clone)]
pub struct Content<'a> {
    /// Name and tag.
    pub name: &'a str,
    /// Provides the arguments, environment and input folder.
    pub workload: &'a Workload,
    /// The program's file; it need not be executable on the host.
    pub program: &'a Path,
    /// SHA-256 of the distribution's layer below the program, if any; the archive does not contain that layer.
    pub below: Option<&'a str>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
}

/// The program's path in the container; it ends in the workload's id. In a distribution's root /bin is a symbolic link,
/// which a folder in an upper layer would replace.
pub fn program(workload: &Workload, below: Option<&str>) -> String {
    format!("/{}", program_path(workload, below))
}

fn program_path(workload: &Workload, below: Option<&str>) -> String {
    let folder = match below {
        None => "bin",
        Some(_) => "usr/local/bin",
    };
    format!("{folder}/{}", workload.id)
}

impl Content<'_> {
    /// Writes the archive; the layer is a temporary file beside it.
    ///
    /// # Errors
    ///
    /// If the program or input cannot be read, or the archive cannot be written.
    pub fn write(&self, archive: &Path) -> io::Result<()> {
        let layer = archive.with_extension("layer");
        let written = self
            .write_layer(&layer)
            .and_then(|digest| self.write_archive(archive, &layer, &digest));
        let cleaned = match fs::remove_file(&layer) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        written.and(cleaned)
    }

    /// Writes the program's layer and returns its SHA-256.
    fn write_layer(&self, path: &Path) -> io::Result<String> {
        let mut layer = tar::Builder::new(Hashing {
            inner: io::BufWriter::new(File::create(path)?),
            hash: Sha256::new(),
        });
        layer.mode(tar::HeaderMode::Deterministic);
        layer.follow_symlinks(true);
        layer.append_path_with_name(self.program, program_path(self.workload, self.below))?;
        match &self.workload.input {
            Some(input) => append_folder(&mut layer, input, Path::new(INPUT))?,
            None => append_entry(&mut layer, tar::EntryType::Directory, INPUT, 0o755, b"")?,
        }
        // Engines store equal layers only once, and loading an existing layer would measure nothing. This entry makes
        // every layer unique.
        append_entry(
            &mut layer,
            tar::EntryType::Regular,
            ".plimsoll",
            0o644,
            self.name.as_bytes(),
        )?;
        let mut written = layer.into_inner()?;
        written.flush()?;
        Ok(hex::encode(written.hash.finalize()))
    }

    fn write_archive(&self, path: &Path, layer: &Path, layer_sha256: &str) -> io::Result<()> {
        const CREATED: &str = "1970-01-01T00:00:00Z";
        let digests: Vec<&str> = self.below.into_iter().chain([layer_sha256]).collect();
        let diff_ids: Vec<String> = digests.iter().map(|one| format!("sha256:{one}")).collect();
        let step = |by: &str| json!({ "created": CREATED, "created_by": by });
        let mut history: Vec<_> = self
            .below
            .iter()
            .map(|_| step("plimsoll, a distribution"))
            .collect();
        history.push(step("plimsoll, the program"));
        let granted = self.workload.grants.env.iter();
        let env: Vec<String> = granted
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let configuration = json!({
            "architecture": architecture(),
            "os": "linux",
            "created": CREATED,
            "config": {
                "Entrypoint": [program(self.workload, self.below)],
                "Cmd": self.workload.args,
                "Env": env,
                "WorkingDir": format!("/{INPUT}"),
                "Labels": self.labels,
            },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": history,
        })
        .to_string();
        let configuration_name = format!("{}.json", hex::encode(Sha256::digest(&configuration)));
        let layer_names: Vec<String> = digests.iter().map(|digest| layer_name(digest)).collect();
        let manifest = json!([{
            "Config": configuration_name,
            "RepoTags": [self.name],
            "Layers": layer_names,
        }])
        .to_string();

        let mut archive = tar::Builder::new(io::BufWriter::new(File::create(path)?));
        archive.mode(tar::HeaderMode::Deterministic);
        for (name, content) in [
            ("manifest.json", &manifest),
            (configuration_name.as_str(), &configuration),
        ] {
            append_entry(
                &mut archive,
                tar::EntryType::Regular,
                name,
                0o644,
                content.as_bytes(),
            )?;
        }
        archive.append_path_with_name(layer, layer_name(layer_sha256))?;
        archive.into_inner()?.flush()
    }
}

/// Path of the layer with this SHA-256 in an archive.
pub fn layer_name(sha256: &str) -> String {
    format!("{sha256}/layer.tar")
}

/// Appends a folder with its entries sorted by name, so that equal folders give equal archives.
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

/// Appends an entry whose content is not a file on disk.
///
/// # Errors
///
/// If the archive cannot be written.
pub fn append_entry<W: Write>(
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

/// This machine's architecture by its image name (GOARCH).
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Hashes everything written through it.
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::Value;

    use super::*;
    use crate::protocol::Grants;

    #[test]
    fn an_archive_holds_what_its_manifest_says_and_the_program_as_it_may_be_executed()
    -> io::Result<()> {
        let scratch = tempfile::tempdir()?;
        let input = scratch.path().join("in");
        fs::create_dir(&input)?;
        fs::write(input.join("data"), "read me")?;
        // A file with mode 644, like an artefact.
        let file = scratch.path().join("module");
        fs::write(&file, "\u{7f}ELF, by its look")?;
        let workload = Workload {
            id: "sum".into(),
            wasm: file.clone(),
            native: None,
            component: None,
            image: None,
            grants: Grants::default(),
            args: vec!["data".to_owned()],
            input: Some(input),
        };
        let archive = scratch.path().join("image.tar");
        let content = Content {
            name: "plimsoll/sum:1",
            workload: &workload,
            program: &file,
            below: None,
            labels: BTreeMap::new(),
        };
        content.write(&archive)?;

        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(File::open(&archive)?).entries()? {
            let mut entry = entry?;
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(entry.path()?.display().to_string(), bytes);
        }
        let manifest: Value = serde_json::from_slice(&files["manifest.json"])?;
        assert_eq!(manifest[0]["RepoTags"], json!(["plimsoll/sum:1"]));
        let named = |value: &Value| files[value.as_str().expect("a name")].clone();
        let configuration: Value = serde_json::from_slice(&named(&manifest[0]["Config"]))?;
        assert_eq!(configuration["config"]["Entrypoint"], json!(["/bin/sum"]));
        let layer = named(&manifest[0]["Layers"][0]);
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&layer)));
        assert_eq!(configuration["rootfs"]["diff_ids"], json!([digest]));
        let modes: BTreeMap<String, u32> = tar::Archive::new(&layer[..])
            .entries()?
            .map(|entry| {
                let entry = entry?;
                let path = entry.path()?.display().to_string();
                Ok((path, entry.header().mode()? & 0o111))
            })
            .collect::<io::Result<_>>()?;
        assert_eq!(modes["bin/sum"], 0);
        assert!(modes.contains_key("input/data"), "{modes:?}");
        assert!(!archive.with_extension("layer").exists());
        Ok(())
    }
}
