//! Files that `prepare` leaves in a pair's directory for later processes to `measure`.

use std::fs;
use std::io;
use std::path::Path;

use crate::Error;
use crate::protocol::Artefact;

/// Writes a file so that a process that has mapped the previous one keeps it whole: beside it
/// first, then renamed over it. The role is what the ledger calls it, for example `aot`.
///
/// # Errors
///
/// When the directory cannot be written.
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

/// Checks that `prepare` has left the file.
///
/// # Errors
///
/// Says that the pair was not prepared, or why the file cannot be read.
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

/// Reads a workload's `.wasm`.
///
/// # Errors
///
/// When it cannot be read.
pub fn read_wasm(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path)
        .map_err(|error| Error::failed(format!("reading the workload {}", path.display()), error))
}
