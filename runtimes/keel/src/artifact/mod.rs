//! The `.keel` artefact: a compiled module as a file that is mapped and run, not parsed.
//!
//! A module that was just compiled goes through the same door: it is written to a file in memory and
//! mapped from there, so that there is one way to start.

pub(crate) mod fingerprint;
pub(crate) mod format;
#[cfg(feature = "compiler")]
mod write;

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mprotect, munmap};

use crate::error::{Error, Result};
use fingerprint::Fingerprint;
use format::{
    CHUNK, FORMAT_VERSION, Header, MAGIC, PAGE, Plain, RECORD_SIZES, Section, Span, checksum,
};
#[cfg(feature = "compiler")]
pub(crate) use write::write;

/// Why an artefact cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The file is no artefact.
    #[error("not a keel artefact: {0}")]
    NotAnArtifact(String),
    /// The file is not as long as it says.
    #[error("truncated artefact: {0}; compile the module again")]
    Truncated(String),
    /// A checksum does not hold.
    #[error("damaged artefact: {0}; compile the module again")]
    Damaged(String),
    /// It was made by or for something else.
    #[error("artefact of another {what}: found {found}, need {expected}; compile the module again")]
    Mismatch {
        /// What differs.
        what: String,
        /// What the artefact says.
        found: String,
        /// What is needed here.
        expected: String,
    },
}

/// A mapped artefact whose checksums held.
pub(crate) struct Artifact {
    file: OwnedFd,
    map: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping is never written after it was made, and unmapped only by `drop`.
unsafe impl Send for Artifact {}
// SAFETY: as above.
unsafe impl Sync for Artifact {}

impl Artifact {
    /// Maps a file.
    pub(crate) fn open(path: &Path, metering: u32) -> Result<Artifact> {
        let system = |source| Error::System {
            what: format!("opening {}", path.display()),
            source,
        };
        let file = File::open(path).map_err(system)?;
        let length = file.metadata().map_err(system)?.len();
        Artifact::map(file.into(), length, metering)
    }

    /// Maps bytes, by way of a file in memory.
    pub(crate) fn from_bytes(bytes: &[u8], metering: u32) -> Result<Artifact> {
        let system = |error: std::io::Error| Error::System {
            what: "writing an artefact to memory".to_owned(),
            source: error,
        };
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let fd = rustix::fs::memfd_create(c"keel", flags).map_err(|error| system(error.into()))?;
        let mut file = File::from(fd);
        file.write_all(bytes).map_err(system)?;
        Artifact::map(file.into(), bytes.len() as u64, metering)
    }

    fn map(file: OwnedFd, length: u64, metering: u32) -> Result<Artifact> {
        if length < size_of::<Header>() as u64 {
            return Err(ArtifactError::NotAnArtifact(format!("only {length} bytes long")).into());
        }
        let length = usize::try_from(length)
            .map_err(|_| ArtifactError::NotAnArtifact("too long".to_owned()))?;
        // SAFETY: a new private mapping, at a place that the kernel chooses.
        let map = unsafe {
            mmap(
                std::ptr::null_mut(),
                length,
                ProtFlags::READ,
                MapFlags::PRIVATE,
                &file,
                0,
            )
        };
        let map = map.map_err(|error| Error::System {
            what: "mapping the artefact".to_owned(),
            source: error.into(),
        })?;
        let map = NonNull::new(map.cast::<u8>())
            .ok_or_else(|| ArtifactError::NotAnArtifact("mapped at null".to_owned()))?;
        let artifact = Artifact { file, map, length };
        artifact.check(metering)?;
        artifact.make_executable()?;
        Ok(artifact)
    }

    fn check(&self, metering: u32) -> Result<(), ArtifactError> {
        let header = self.header();
        if header.magic != MAGIC {
            return Err(ArtifactError::NotAnArtifact(
                "it does not start like one".to_owned(),
            ));
        }
        if header.format != FORMAT_VERSION {
            return Err(ArtifactError::Mismatch {
                what: "format version".to_owned(),
                found: header.format.to_string(),
                expected: FORMAT_VERSION.to_string(),
            });
        }
        if header.file_length != self.length as u64 {
            return Err(ArtifactError::Truncated(format!(
                "{} bytes of {}",
                self.length, header.file_length
            )));
        }
        let text_start = header.text_start as usize;
        if header.header_size as usize != size_of::<Header>()
            || text_start > self.length
            || text_start < size_of::<Header>()
        {
            return Err(ArtifactError::Damaged(
                "its header does not hold together".to_owned(),
            ));
        }
        let description = &self.bytes()[..text_start];
        if format::description_checksum(header, description) != header.checksum {
            return Err(ArtifactError::Damaged(
                "the checksum of its description".to_owned(),
            ));
        }
        self.check_places()?;
        let fingerprint = std::str::from_utf8(self.section::<u8>(Section::Fingerprint))
            .map_err(|_| ArtifactError::Damaged("its fingerprint is no text".to_owned()))?;
        Fingerprint::parse(fingerprint).check(metering)?;
        let sums: &[u64] = self.section(Section::Chunks);
        let payload = &self.bytes()[text_start..];
        if sums.len() != payload.len().div_ceil(CHUNK) {
            return Err(ArtifactError::Damaged(
                "the number of its checksums".to_owned(),
            ));
        }
        for (i, (piece, sum)) in payload.chunks(CHUNK).zip(sums).enumerate() {
            if checksum(piece) != *sum {
                let at = text_start + i * CHUNK;
                return Err(ArtifactError::Damaged(format!(
                    "the checksum of what is at {at:#x}"
                )));
            }
        }
        Ok(())
    }

    /// That sections, text and image lie where they may.
    fn check_places(&self) -> Result<(), ArtifactError> {
        let header = self.header();
        let text_start = header.text_start as usize;
        let text_end = text_start + header.text_length as usize;
        let image_start = header.image_start as usize;
        let image_end = image_start + header.image_length as usize;
        let aligned = |at: usize| at.is_multiple_of(PAGE);
        let whole = aligned(text_start)
            && aligned(image_start)
            && aligned(header.image_length as usize)
            && aligned(header.image_address as usize)
            && text_end <= image_start
            && image_end <= self.length;
        let sections = header
            .sections
            .iter()
            .zip(RECORD_SIZES)
            .all(|(span, size)| {
                let end = u64::from(span.start) + u64::from(span.length) * size as u64;
                span.start.is_multiple_of(16) && end <= u64::from(header.text_start)
            });
        if whole && sections {
            return Ok(());
        }
        Err(ArtifactError::Damaged(
            "its parts do not lie where they may".to_owned(),
        ))
    }

    fn make_executable(&self) -> Result<()> {
        let header = self.header();
        let length = (header.text_length as usize).next_multiple_of(PAGE);
        if length == 0 {
            return Ok(());
        }
        // SAFETY: the range is within this mapping, as `check_places` saw.
        let done = unsafe {
            let start = self.map.as_ptr().add(header.text_start as usize);
            mprotect(
                start.cast(),
                length,
                MprotectFlags::READ | MprotectFlags::EXEC,
            )
        };
        done.map_err(|error| Error::System {
            what: "making an artefact's code executable".to_owned(),
            source: error.into(),
        })
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable for `length` bytes and lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr(), self.length) }
    }

    /// The start of the file.
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: `map` saw to it that the file is long enough; a mapping is page-aligned, and any
        // bytes are a valid header.
        unsafe { self.map.cast::<Header>().as_ref() }
    }

    /// A section's records.
    pub(crate) fn section<T: Plain>(&self, section: Section) -> &[T] {
        debug_assert_eq!(size_of::<T>(), RECORD_SIZES[section as usize]);
        let Span { start, length } = self.header().sections[section as usize];
        // SAFETY: `check_places` saw that the section lies within the file and is aligned for any
        // record; any bytes are valid records.
        unsafe {
            let start = self.map.as_ptr().add(start as usize);
            std::slice::from_raw_parts(start.cast(), length as usize)
        }
    }

    /// Machine code.
    pub(crate) fn text(&self) -> &[u8] {
        let header = self.header();
        &self.bytes()[header.text_start as usize..][..header.text_length as usize]
    }

    /// The initial contents of memory 0, from [`Header::image_address`] on.
    pub(crate) fn image(&self) -> &[u8] {
        let header = self.header();
        &self.bytes()[header.image_start as usize..][..header.image_length as usize]
    }

    /// The file, to map the image from.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// A string of the string section; empty if it is not there.
    pub(crate) fn string(&self, span: Span) -> &str {
        let strings: &[u8] = self.section(Section::Strings);
        let bytes = strings
            .get(span.start as usize..)
            .and_then(|rest| rest.get(..span.length as usize))
            .unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Drop for Artifact {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing that points into it outlives `self`. That a
        // mapping of the right range cannot be unmapped does not happen.
        let _ = unsafe { munmap(self.map.as_ptr().cast(), self.length) };
    }
}
