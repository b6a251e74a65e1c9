//! Files that `prepare` writes to a pair's scratch directory for `measure` in later processes.

use std::fs;
use std::io;
use std::path::Path;

use crate::Error;
use crate::protocol::Artefact;

/// Writes a file under a temporary name and renames it, so that processes that map the old file keep it. `role` is the
/// kind of artefact, for example `aot`.
///
/// # Errors
///
/// If the directory is not writable.
pub fn write(path: &Path, role: &str, bytes: &[u8]) -> Result<Artefact, Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, bytes)
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| Error::failed(format!("writing {}", path.display()), error))?;
    Ok(Artefact {
        role: role.to_owned(),
        bytes: bytes.len() as u64,
    })
}

/// Checks that `prepare` wrote the file.
///
/// # Errors
///
/// If the pair was not prepared or the file cannot be read.
pub fn require(path: &Path) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Failed(format!(
            "{} is not there: send prepare for this target and workload first",
            path.display()
        ))),
        Err(error) => Err(Error::failed(format!("reading {}", path.display()), error)),
    }
}

/// Reads a workload's `.wasm` into memory.
///
/// # Errors
///
/// If it cannot be read.
pub fn read_wasm(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path)
        .map_err(|error| Error::failed(format!("reading the workload {}", path.display()), error))
}
