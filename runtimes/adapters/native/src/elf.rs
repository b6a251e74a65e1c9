//! Is this file a static executable? A dynamic one would be measured with its loader's work, and
//! would not start at all in an image that holds nothing else.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How an executable gets its libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linking {
    /// It has none to load.
    Static,
    /// It names a loader that must run first (`PT_INTERP`).
    Dynamic,
    /// It is no 64-bit little-endian ELF file.
    NotElf,
}

// Offsets and values of the ELF64 header and program headers: System V ABI, chapters 4 and 5.
const HEADER: usize = 64;
const PROGRAM_HEADERS_AT: usize = 32;
const PROGRAM_HEADER_SIZE_AT: usize = 54;
const PROGRAM_HEADER_COUNT_AT: usize = 56;
const PT_INTERP: u32 = 3;

/// Looks at the file's program headers.
///
/// # Errors
///
/// When the file cannot be read.
pub(crate) fn linking(path: &Path) -> io::Result<Linking> {
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

    #[test]
    fn a_program_that_names_a_loader_is_dynamic() -> io::Result<()> {
        // This test itself is linked against the system's libc.
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
