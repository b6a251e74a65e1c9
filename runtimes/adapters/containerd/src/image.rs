//! The archive of one (target, workload) pair's image: an OCI layout with one layer, written here, so
//! that making an image needs no registry and no build tool.

use std::fs;
use std::io;
use std::path::Path;

use plimsoll_adapter::protocol::Workload;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Where a container finds the input folder, its working directory.
const INPUT: &str = "input";

/// The program that an image is made around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// A Linux program: it may be executed.
    Linux,
    /// A file that the shim runs: whatever may not be executed is no Linux program to it.
    Shim,
}

/// The name that a workload's image has in its namespace.
pub(crate) fn name(workload: &Workload) -> String {
    format!("docker.io/plimsoll/{}:latest", workload.id)
}

/// Writes the archive of a workload's image around the program in `file`.
///
/// # Errors
///
/// When the program or the input cannot be read, or the archive cannot be written.
pub(crate) fn write(
    archive: &Path,
    workload: &Workload,
    program: Program,
    file: &Path,
) -> io::Result<()> {
    let layer = layer(workload, program, file)?;
    let configuration = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "Entrypoint": [format!("/{}", program_path(workload))],
            "Cmd": workload.args,
            "WorkingDir": format!("/{INPUT}"),
        },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    })
    .to_string()
    .into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &configuration),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
    })
    .to_string()
    .into_bytes();
    let mut listed = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    listed["platform"] = json!({ "architecture": architecture(), "os": "linux" });
    listed["annotations"] = json!({ "io.containerd.image.name": name(workload) });
    let index = json!({ "schemaVersion": 2, "manifests": [listed] }).to_string();

    let mut tar = tar::Builder::new(io::BufWriter::new(fs::File::create(archive)?));
    let layout: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
    append(&mut tar, "oci-layout", 0o644, layout)?;
    append(&mut tar, "index.json", 0o644, index.as_bytes())?;
    for blob in [&manifest, &configuration, &layer] {
        append(&mut tar, &blob_path(blob), 0o644, blob)?;
    }
    tar.into_inner()?.into_inner()?.sync_data()
}

/// The only layer, as a tar archive.
fn layer(workload: &Workload, program: Program, file: &Path) -> io::Result<Vec<u8>> {
    let mut layer = tar::Builder::new(Vec::new());
    layer.mode(tar::HeaderMode::Deterministic);
    layer.follow_symlinks(true);
    let mode = match program {
        Program::Linux => 0o755,
        Program::Shim => 0o644,
    };
    append(&mut layer, &program_path(workload), mode, &fs::read(file)?)?;
    match &workload.input {
        Some(input) => append_folder(&mut layer, input, Path::new(INPUT))?,
        None => {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            layer.append_data(&mut header, INPUT, io::empty())?;
        }
    }
    layer.into_inner()
}

/// Appends a folder, its entries in the order of their names so that equal folders make equal
/// archives.
fn append_folder(layer: &mut tar::Builder<Vec<u8>>, folder: &Path, name: &Path) -> io::Result<()> {
    layer.append_path_with_name(folder, name)?;
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        match fs::metadata(&path)?.is_dir() {
            true => append_folder(layer, &path, &name)?,
            false => layer.append_path_with_name(&path, &name)?,
        }
    }
    Ok(())
}

fn append<W: io::Write>(
    archive: &mut tar::Builder<W>,
    name: &str,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, name, content)
}

/// Where a container finds its program: `argv[0]` ends in the workload's id.
fn program_path(workload: &Workload) -> String {
    format!("bin/{}", workload.id)
}

fn descriptor(kind: &str, blob: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": digest(blob), "size": blob.len() })
}

fn digest(blob: &[u8]) -> String {
    format!("sha256:{}", sha256(blob))
}

fn blob_path(blob: &[u8]) -> String {
    format!("blobs/sha256/{}", sha256(blob))
}

fn sha256(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// This machine's architecture in the words of images (GOARCH).
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    #[test]
    fn every_blob_is_where_its_digest_says_and_a_file_for_the_shim_may_not_be_executed()
    -> io::Result<()> {
        let scratch = tempfile::tempdir()?;
        let input = scratch.path().join("in");
        fs::create_dir(&input)?;
        fs::write(input.join("data"), "read me")?;
        let file = scratch.path().join("module");
        fs::write(&file, "\u{7f}ELF, by its look")?;
        let workload = Workload {
            id: "sum".into(),
            wasm: file.clone(),
            native: None,
            component: None,
            image: None,
            grants: plimsoll_adapter::protocol::Grants::default(),
            args: vec!["data".to_owned()],
            input: Some(input),
        };
        let archive = scratch.path().join("image.tar");
        write(&archive, &workload, Program::Shim, &file)?;

        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(fs::File::open(&archive)?).entries()? {
            let mut entry = entry?;
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(entry.path()?.display().to_string(), bytes);
        }
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().expect("a digest");
            let path = format!("blobs/{}", digest.replace(':', "/"));
            let bytes = files.get(&path).unwrap_or_else(|| panic!("no {path}"));
            assert_eq!(descriptor["size"].as_u64(), Some(bytes.len() as u64));
            bytes.clone()
        };
        let index: Value = serde_json::from_slice(&files["index.json"])?;
        let listed = &index["manifests"][0];
        assert_eq!(
            listed["annotations"]["io.containerd.image.name"],
            "docker.io/plimsoll/sum:latest"
        );
        let manifest: Value = serde_json::from_slice(&blob(listed))?;
        let configuration: Value = serde_json::from_slice(&blob(&manifest["config"]))?;
        assert_eq!(configuration["config"]["Entrypoint"][0], "/bin/sum");
        let layer = blob(&manifest["layers"][0]);
        assert_eq!(configuration["rootfs"]["diff_ids"][0], digest(&layer));
        let modes: Vec<(String, u32)> = tar::Archive::new(&layer[..])
            .entries()?
            .map(|entry| {
                let entry = entry?;
                Ok((
                    entry.path()?.display().to_string(),
                    entry.header().mode()? & 0o111,
                ))
            })
            .collect::<io::Result<_>>()?;
        assert_eq!(modes[0], ("bin/sum".to_owned(), 0));
        assert!(
            modes.iter().any(|(path, _)| path == "input/data"),
            "{modes:?}"
        );
        Ok(())
    }
}
