//! Checks that a workload's native binary exists and is a static executable.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use crate::Error;
use crate::protocol::Workload;

/// The command that builds the native binaries.
const BUILD: &str = "scripts/build-workloads --native";

/// Path of the workload's native binary, if it exists and is static.
///
/// A dynamic binary would include its loader's work in the measurement and could not run in an otherwise empty image.
///
/// # Errors
///
/// [`Error::Unsupported`] if it was not built; [`Error::Failed`] if it is missing, unreadable or not static. Each names
/// the build command.
pub fn require(workload: &Workload) -> Result<&Path, Error> {
    let Some(program) = workload.native.as_deref() else {
        return Err(Error::Unsupported(format!(
            "{} has no native binary: run {BUILD}",
            workload.id
        )));
    };
    let is_what = match linking(program) {
        Ok(Linking::Static) => return Ok(program),
        Ok(Linking::Dynamic) => "is dynamically linked and needs a loader".to_owned(),
        Ok(Linking::NotElf) => "is not a 64-bit ELF executable".to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => "is not there".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    Err(Error::Failed(format!(
        "{} {is_what}: run {BUILD}",
        program.display()
    )))
}

/// How an executable is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Linking {
    /// Without a dynamic loader.
    Static,
    /// With a dynamic loader (`PT_INTERP`).
    Dynamic,
    /// Not a 64-bit little-endian ELF file.
    NotElf,
}

// Offsets and values of the ELF64 header and program headers: System V ABI, chapters 4 and 5.
const HEADER: usize = 64;
const PROGRAM_HEADERS_AT: usize = 32;
const PROGRAM_HEADER_SIZE_AT: usize = 54;
const PROGRAM_HEADER_COUNT_AT: usize = 56;
const PT_INTERP: u32 = 3;

/// Reads the file's program headers.
///
/// # Errors
///
/// If the file cannot be read.
fn linking(path: &Path) -> io::Result<Linking> {
    let mut file = File::open(path)?;
    let mut header = [0_u8; HEADER];
    if file.read_exact(&mut header).is_err() || header[..6] != *b"\x7fELF\x02\x01" {
        return Ok(Linking::NotElf);
    }
    let entry = usize::from(short(&header, PROGRAM_HEADER_SIZE_AT));
    let count = usize::from(short(&header, PROGRAM_HEADER_COUNT_AT));
    let mut at = [0_u8; 8];
    at.copy_from_slice(&header[PROGRAM_HEADERS_AT..PROGRAM_HEADERS_AT + 8]);
    file.seek(SeekFrom::Start(u64::from_le_bytes(at)))?;
    let mut table = vec![0_u8; entry * count];
    if entry < 4 || file.read_exact(&mut table).is_err() {
        return Ok(Linking::NotElf);
    }
    let asks_for_a_loader = table
        .chunks_exact(entry)
        .any(|header| header[..4] == PT_INTERP.to_le_bytes());
    Ok(if asks_for_a_loader {
        Linking::Dynamic
    } else {
        Linking::Static
    })
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Grants;

    fn workload(native: Option<&Path>) -> Workload {
        Workload {
            id: "json".into(),
            wasm: "/nowhere/json.wasm".into(),
            native: native.map(Path::to_owned),
            args: Vec::new(),
            input: None,
            component: None,
            image: None,
            grants: Grants::default(),
        }
    }

    #[test]
    fn a_workload_without_a_native_binary_is_unsupported_and_says_what_builds_it() {
        assert_eq!(
            require(&workload(None)),
            Err(Error::Unsupported(
                "json has no native binary: run scripts/build-workloads --native".to_owned()
            ))
        );
    }

    #[test]
    fn a_binary_that_is_gone_or_dynamic_fails_and_says_what_builds_it() {
        for (path, why) in [
            ("/nowhere/json", "is not there"),
            ("/proc/self/exe", "is dynamically linked and needs a loader"),
        ] {
            assert_eq!(
                require(&workload(Some(Path::new(path)))),
                Err(Error::Failed(format!("{path} {why}: run {BUILD}")))
            );
        }
    }

    #[test]
    fn a_program_that_names_a_loader_is_dynamic() -> io::Result<()> {
        // This test itself is linked dynamically against libc.
        assert_eq!(linking(Path::new("/proc/self/exe"))?, Linking::Dynamic);
        Ok(())
    }

    #[test]
    fn a_script_is_not_an_executable_of_ours() -> io::Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), "#!/bin/sh\n")?;
        assert_eq!(linking(file.path())?, Linking::NotElf);
        Ok(())
    }

    #[test]
    fn a_header_that_promises_more_than_the_file_holds_is_refused() -> io::Result<()> {
        let mut bytes = std::fs::read("/proc/self/exe")?;
        bytes.truncate(HEADER + 10);
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), bytes)?;
        assert_eq!(linking(file.path())?, Linking::NotElf);
        Ok(())
    }
}
