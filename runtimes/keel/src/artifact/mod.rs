//! The `.keel` artefact: a compiled module as a file that is mapped and run, not parsed.
//!
//! A module that was just compiled goes through the same door: it is written to a file in memory and
//! mapped from there, so that there is one way to start.

pub(crate) mod cpu;
pub(crate) mod fingerprint;
pub(crate) mod format;
#[cfg(all(test, feature = "compiler"))]
mod tests;

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mprotect, munmap};

use crate::error::{Error, Result};
use format::{
    CHUNK, FORMAT_VERSION, Header, MAGIC, PAGE, Plain, RECORD_SIZES, Section, Span, checksum,
};

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

/// Whether a file that starts with these bytes is meant to be an artefact. Eight bytes are enough to tell.
///
/// ```
/// assert!(!keel::is_artifact(b"\0asm\x01\0\0\0"));
/// ```
pub fn is_artifact(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// A mapped artefact.
///
/// What a start needs was checked when it was opened. The rest is checked piece by piece when it is
/// first needed; code is mapped inaccessible, and a piece becomes executable once it was checked.
pub(crate) struct Artifact {
    file: OwnedFd,
    map: NonNull<u8>,
    length: usize,
    /// Where the text is mapped to be run.
    code: NonNull<u8>,
    /// Which pieces from `lazy_start` on have been checked.
    checked: Box<[AtomicBool]>,
}

/// What became of code that was not accessible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is this artefact's, has been checked and can be run and read.
    Admitted,
    /// It is this artefact's, and its checksum does not hold.
    Damaged,
    /// It is not this artefact's.
    NotConcerned,
}

// SAFETY: the mappings are never written after they were made, and unmapped only by `drop`.
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
        let mut artifact = Artifact {
            file,
            map,
            length,
            code: NonNull::dangling(),
            checked: Box::default(),
        };
        artifact.check(metering)?;
        let chunks = artifact.section::<u64>(Section::Chunks).len();
        artifact.checked = (0..chunks).map(|_| AtomicBool::new(false)).collect();
        artifact.map_code()?;
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
        let lazy_start = header.lazy_start as usize;
        if header.header_size as usize != size_of::<Header>()
            || lazy_start > self.length
            || lazy_start < size_of::<Header>()
        {
            return Err(ArtifactError::Damaged(
                "its header does not hold together".to_owned(),
            ));
        }
        let description = &self.bytes()[..lazy_start];
        if format::description_checksum(header, description) != header.checksum {
            return Err(ArtifactError::Damaged(
                "the checksum of its description".to_owned(),
            ));
        }
        self.check_places()?;
        let fingerprint = std::str::from_utf8(self.section::<u8>(Section::Fingerprint))
            .map_err(|_| ArtifactError::Damaged("its fingerprint is no text".to_owned()))?;
        fingerprint::check(fingerprint, metering)?;
        let sums: &[u64] = self.section(Section::Chunks);
        if sums.len() != (self.length - lazy_start).div_ceil(CHUNK) {
            return Err(ArtifactError::Damaged(
                "the number of its checksums".to_owned(),
            ));
        }
        Ok(())
    }

    /// Checks what has not been checked yet of a range of the file.
    pub(crate) fn ensure(&self, start: usize, end: usize) -> Result<(), ArtifactError> {
        let lazy_start = self.header().lazy_start as usize;
        let first = start.saturating_sub(lazy_start) / CHUNK;
        let last = end.saturating_sub(lazy_start).div_ceil(CHUNK);
        for piece in first..last.min(self.checked.len()) {
            if !self.ensure_piece(piece) {
                let at = lazy_start + piece * CHUNK;
                return Err(ArtifactError::Damaged(format!(
                    "the checksum of what is at {at:#x}"
                )));
            }
        }
        Ok(())
    }

    /// Checks everything.
    pub(crate) fn ensure_all(&self) -> Result<(), ArtifactError> {
        self.ensure(0, self.length)
    }

    /// Whether a piece's checksum holds. Neither allocates nor locks: the signal handler calls it.
    fn ensure_piece(&self, piece: usize) -> bool {
        if self.checked[piece].load(Ordering::Acquire) {
            return true;
        }
        let start = self.header().lazy_start as usize + piece * CHUNK;
        let bytes = &self.bytes()[start..self.length.min(start + CHUNK)];
        let holds = self.section::<u64>(Section::Chunks)[piece] == checksum(bytes);
        if holds {
            self.checked[piece].store(true, Ordering::Release);
        }
        holds
    }

    /// Whether the sections that only a trap needs can be read.
    pub(crate) fn has_sections_for_traps(&self) -> bool {
        let header = self.header();
        self.ensure(header.lazy_start as usize, header.text_start as usize)
            .is_ok()
    }

    /// Called where an access to `address` faulted: if it is code that was not checked yet, checks it
    /// and makes it executable. Neither allocates nor locks.
    pub(crate) fn admit(&self, address: usize) -> Admission {
        let header = self.header();
        let Some(offset) = address.checked_sub(self.code.as_ptr() as usize) else {
            return Admission::NotConcerned;
        };
        let length = (header.text_length as usize).next_multiple_of(PAGE);
        if offset >= length {
            return Admission::NotConcerned;
        }
        let (text_start, lazy_start) = (header.text_start as usize, header.lazy_start as usize);
        let piece = (text_start + offset - lazy_start) / CHUNK;
        if !self.ensure_piece(piece) {
            return Admission::Damaged;
        }
        let start = (lazy_start + piece * CHUNK).max(text_start) - text_start;
        let end = (lazy_start + (piece + 1) * CHUNK - text_start).min(length);
        // SAFETY: the range is within the mapping of the code.
        let done = unsafe {
            let place = self.code.as_ptr().add(start).cast();
            let flags = MprotectFlags::READ | MprotectFlags::EXEC;
            mprotect(place, end - start, flags)
        };
        match done {
            Ok(()) => Admission::Admitted,
            Err(_) => Admission::Damaged,
        }
    }

    /// That sections, text and image lie where they may.
    fn check_places(&self) -> Result<(), ArtifactError> {
        let header = self.header();
        let lazy_start = header.lazy_start as usize;
        let text_start = header.text_start as usize;
        let text_end = text_start + header.text_length as usize;
        let image_start = header.image_start as usize;
        let image_end = image_start + header.image_length as usize;
        let aligned = |at: usize| at.is_multiple_of(PAGE);
        let whole = aligned(lazy_start)
            && lazy_start <= text_start
            && aligned(text_start)
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

    /// Maps the text a second time: to be run if it is small, otherwise inaccessible for now.
    fn map_code(&mut self) -> Result<()> {
        let header = self.header();
        let length = (header.text_length as usize).next_multiple_of(PAGE);
        if length == 0 {
            return Ok(());
        }
        let start = u64::from(header.text_start);
        // What fits into a piece or two is checked here and now: a fault costs more.
        let small = self.checked.len() <= 2;
        let mut protection = ProtFlags::empty();
        if small {
            self.ensure_all()?;
            protection = ProtFlags::READ | ProtFlags::EXEC;
        }
        // SAFETY: a new private mapping, at a place that the kernel chooses.
        let code = unsafe {
            let flags = MapFlags::PRIVATE;
            mmap(
                std::ptr::null_mut(),
                length,
                protection,
                flags,
                &self.file,
                start,
            )
        };
        let code = code.map_err(|error| Error::System {
            what: "mapping an artefact's code".to_owned(),
            source: error.into(),
        })?;
        self.code = NonNull::new(code.cast())
            .ok_or_else(|| ArtifactError::NotAnArtifact("mapped at null".to_owned()))?;
        Ok(())
    }

    /// Where the code is, to be run, and how many bytes it has.
    pub(crate) fn code(&self) -> (*const u8, usize) {
        (self.code.as_ptr(), self.header().text_length as usize)
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

    /// The initial contents of memory 0, from [`Header::image_address`] on.
    pub(crate) fn image(&self) -> &[u8] {
        let header = self.header();
        &self.bytes()[header.image_start as usize..][..header.image_length as usize]
    }

    /// The file, to map the image from.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// A string of a string section; empty if it is not there.
    pub(crate) fn string(&self, section: Section, span: Span) -> &str {
        let strings: &[u8] = self.section(section);
        let bytes = strings
            .get(span.start as usize..)
            .and_then(|rest| rest.get(..span.length as usize))
            .unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Drop for Artifact {
    fn drop(&mut self) {
        // SAFETY: the mappings are ours, and nothing that points into them outlives `self`. That a
        // mapping of the right range cannot be unmapped does not happen.
        unsafe {
            if self.code != NonNull::dangling() {
                let length = self.code().1.next_multiple_of(PAGE);
                let _ = munmap(self.code.as_ptr().cast(), length);
            }
            let _ = munmap(self.map.as_ptr().cast(), self.length);
        }
    }
}
