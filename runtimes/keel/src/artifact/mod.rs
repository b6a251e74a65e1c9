//! The `.keel` artefact: a compiled module as a file that is mapped and run without parsing.
//!
//! A freshly compiled module takes the same path, so that there is one way to start.

mod copy;
pub(crate) mod cpu;
pub(crate) mod fingerprint;
pub(crate) mod format;
mod records;
#[cfg(all(test, feature = "compiler"))]
mod tests;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::mm::MprotectFlags;

use crate::error::{Error, Result};
use copy::{Copy, Filled};
use format::{
    CHUNK, FORMAT_VERSION, Header, MAGIC, PAGE, Plain, RECORD_SIZES, Section, Span, checksum,
};

/// The reason an artefact was rejected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The file is not an artefact.
    #[error("not a keel artefact: {0}")]
    NotAnArtifact(String),
    /// The file is shorter or longer than its header states.
    #[error("truncated artefact: {0}; compile the module again")]
    Truncated(String),
    /// A checksum does not match, or the records are inconsistent.
    #[error("damaged artefact: {0}; compile the module again")]
    Damaged(String),
    /// The artefact was compiled by, or for, something else.
    #[error("artefact of another {what}: found {found}, need {expected}; compile the module again")]
    Mismatch {
        /// What differs.
        what: String,
        /// The artefact's value.
        found: String,
        /// The value that this process requires.
        expected: String,
    },
}

/// Whether a file with these first bytes claims to be an artefact. Eight bytes are enough.
///
/// ```
/// assert!(!keel::is_artifact(b"\0asm\x01\0\0\0"));
/// ```
pub fn is_artifact(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The size in bytes up to which an artefact is read and verified at once: page faults would cost
/// more.
const EAGER: usize = 2 * CHUNK;

/// An artefact in memory.
///
/// Opening it verifies what start-up needs. The rest is inaccessible until it is read and verified,
/// piece by piece, on first use. Verification applies to this private copy.
pub(crate) struct Artifact {
    copy: Copy,
    /// The state of each piece from `lazy_start` on.
    pieces: Box<[AtomicU8]>,
    /// The image as a file, created when it is first mapped.
    image: OnceLock<OwnedFd>,
}

/// The piece has not been read and verified.
const ABSENT: u8 = 0;
/// A thread is reading and verifying it.
const CLAIMED: u8 = 1;
/// It is readable and intact.
const READY: u8 = 2;
/// Its checksum does not match, or it could not be read.
const DAMAGED: u8 = 3;

/// The result of [`Artifact::admit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The address is in this artefact's code, which is now verified and executable.
    Admitted,
    /// The address is in this artefact's code, and the code is damaged.
    Damaged,
    /// The address is not in this artefact's code.
    NotConcerned,
}

fn damaged_piece(at: usize) -> ArtifactError {
    ArtifactError::Damaged(format!("the checksum of what is at {at:#x}"))
}

fn protecting(source: std::io::Error) -> Error {
    Error::System {
        what: "protecting the artefact".to_owned(),
        source,
    }
}

impl Artifact {
    /// Opens and verifies a file.
    pub(crate) fn open(path: &Path, metering: u32) -> Result<Artifact> {
        let system = |source| Error::System {
            what: format!("opening {}", path.display()),
            source,
        };
        let file = File::open(path).map_err(system)?;
        let found = file.metadata().map_err(system)?;
        if !found.is_file() {
            // A pipe or a device can only be read once, from its start.
            let bytes = std::fs::read(path).map_err(system)?;
            return Artifact::from_bytes(&bytes, metering);
        }
        Artifact::load(found.len(), Some(file), &[], metering)
    }

    /// Loads an open file of `length` bytes.
    #[cfg(feature = "cache")]
    pub(crate) fn of_file(file: File, length: u64, metering: u32) -> Result<Artifact> {
        Artifact::load(length, Some(file), &[], metering)
    }

    /// The cache key; empty if the artefact was not made for a cache.
    #[cfg(feature = "cache")]
    pub(crate) fn source(&self) -> &str {
        let fingerprint: &[u8] = self.section(Section::Fingerprint);
        std::str::from_utf8(fingerprint).map_or("", |text| fingerprint::value(text, "source"))
    }

    /// Loads a copy of `bytes`.
    pub(crate) fn from_bytes(bytes: &[u8], metering: u32) -> Result<Artifact> {
        Artifact::load(bytes.len() as u64, None, bytes, metering)
    }

    fn load(length: u64, file: Option<File>, bytes: &[u8], metering: u32) -> Result<Artifact> {
        if length < size_of::<Header>() as u64 {
            return Err(ArtifactError::NotAnArtifact(format!("only {length} bytes long")).into());
        }
        if length > u64::from(u32::MAX) {
            return Err(ArtifactError::NotAnArtifact("longer than 4 GiB".to_owned()).into());
        }
        let length = length as usize;
        let eager = length <= EAGER;
        let filled = match eager {
            true => Filled::AtOnce,
            false => Filled::Later,
        };
        let mut artifact = Artifact {
            copy: Copy::new(length, file, filled)?,
            pieces: Box::default(),
            image: OnceLock::new(),
        };
        let read = |start: usize, end: usize| {
            // SAFETY: no other thread knows the mapping yet; it is writable until `open_all` or
            // `close`. Both ends are at most its length: `check_header` checked `lazy_start`.
            let done = unsafe { artifact.copy.fill(start, end) };
            done.map_err(|source| Error::System {
                what: "reading the artefact".to_owned(),
                source,
            })
        };
        // SAFETY: as above.
        unsafe { artifact.copy.take(bytes) };
        let first = if eager { length } else { size_of::<Header>() };
        read(0, first)?;
        artifact.check_header()?;
        let lazy_start = artifact.header().lazy_start as usize;
        if !eager {
            read(first, lazy_start)?;
        }
        artifact.check(metering)?;
        let count = artifact.section::<u64>(Section::Chunks).len();
        artifact.pieces = (0..count).map(|_| AtomicU8::new(ABSENT)).collect();
        if eager {
            artifact.open_all(lazy_start)?;
        } else {
            artifact.close(lazy_start)?;
        }
        Ok(artifact)
    }

    /// Verifies all pieces, which have been read, and makes them read-only. Equivalent to
    /// [`Artifact::ensure_all`] with fewer `mprotect` calls.
    fn open_all(&self, lazy_start: usize) -> Result<()> {
        let sums: &[u64] = self.section(Section::Chunks);
        let pieces = self.bytes()[lazy_start..].chunks(CHUNK);
        for (piece, (bytes, sum)) in pieces.zip(sums).enumerate() {
            if checksum(bytes) != *sum {
                return Err(damaged_piece(lazy_start + piece * CHUNK).into());
            }
        }
        let text_start = self.header().text_start as usize;
        let text_end = text_start + self.header().text_length as usize;
        let constant = self
            .copy
            .protect(0, self.copy.length(), MprotectFlags::READ);
        let executable = MprotectFlags::READ | MprotectFlags::EXEC;
        constant
            .and_then(|()| self.copy.protect(text_start, text_end, executable))
            .map_err(protecting)?;
        for piece in &self.pieces {
            piece.store(READY, Ordering::Release);
        }
        Ok(())
    }

    /// Makes the description read-only, and the rest inaccessible until it is verified.
    fn close(&self, lazy_start: usize) -> Result<()> {
        let constant = self.copy.protect(0, lazy_start, MprotectFlags::READ);
        let closed = constant.and_then(|()| {
            let end = self.copy.length();
            self.copy.protect(lazy_start, end, MprotectFlags::empty())
        });
        closed.map_err(protecting)
    }

    /// Checks that the header is one of this format and that the file has the length it states.
    fn check_header(&self) -> Result<(), ArtifactError> {
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
        let length = self.copy.length();
        if header.file_length != length as u64 {
            return Err(ArtifactError::Truncated(format!(
                "{length} bytes of {}",
                header.file_length
            )));
        }
        let lazy_start = header.lazy_start as usize;
        if header.header_size as usize != size_of::<Header>()
            || lazy_start > length
            || lazy_start < size_of::<Header>()
            || !lazy_start.is_multiple_of(PAGE)
        {
            return Err(ArtifactError::Damaged(
                "its header does not hold together".to_owned(),
            ));
        }
        Ok(())
    }

    fn check(&self, metering: u32) -> Result<(), ArtifactError> {
        let header = self.header();
        let lazy_start = header.lazy_start as usize;
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
        if sums.len() != (self.copy.length() - lazy_start).div_ceil(CHUNK) {
            return Err(ArtifactError::Damaged(
                "the number of its checksums".to_owned(),
            ));
        }
        records::check(self)
    }

    /// Verifies the pieces of a range of the file, as far as they are not yet verified.
    pub(crate) fn ensure(&self, start: usize, end: usize) -> Result<(), ArtifactError> {
        let lazy_start = self.header().lazy_start as usize;
        let first = start.saturating_sub(lazy_start) / CHUNK;
        let last = end.saturating_sub(lazy_start).div_ceil(CHUNK);
        for piece in first..last.min(self.pieces.len()) {
            if !self.ensure_piece(piece) {
                return Err(damaged_piece(lazy_start + piece * CHUNK));
            }
        }
        Ok(())
    }

    /// Verifies the whole file.
    pub(crate) fn ensure_all(&self) -> Result<(), ArtifactError> {
        self.ensure(0, self.copy.length())
    }

    /// Returns whether a piece is intact, verifying it if needed. Neither allocates nor locks,
    /// because the signal handler calls it.
    fn ensure_piece(&self, piece: usize) -> bool {
        let state = &self.pieces[piece];
        loop {
            match state.compare_exchange(ABSENT, CLAIMED, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => break,
                Err(READY) => return true,
                Err(DAMAGED) => return false,
                // Another thread is verifying it, and never waits for this one.
                Err(_) => rustix::thread::sched_yield(),
            }
        }
        let start = self.header().lazy_start as usize + piece * CHUNK;
        let end = self.copy.length().min(start + CHUNK);
        let whole = self.load_piece(piece, start, end).is_ok_and(|whole| whole);
        state.store(if whole { READY } else { DAMAGED }, Ordering::Release);
        whole
    }

    /// Reads a piece that this thread has claimed, and makes it accessible if its checksum matches.
    fn load_piece(&self, piece: usize, start: usize, end: usize) -> std::io::Result<bool> {
        let writable = MprotectFlags::READ | MprotectFlags::WRITE;
        self.copy.protect(start, end, writable)?;
        if self.copy.length() > EAGER {
            // SAFETY: the range is writable now, and other threads wait until the piece is ready.
            unsafe { self.copy.fill(start, end)? };
        }
        let whole =
            self.section::<u64>(Section::Chunks)[piece] == checksum(&self.bytes()[start..end]);
        let header = self.header();
        let text_start = header.text_start as usize;
        let text_end = (text_start + header.text_length as usize).next_multiple_of(PAGE);
        let (text_start, text_end) = (text_start.clamp(start, end), text_end.clamp(start, end));
        if !whole {
            self.copy.protect(start, end, MprotectFlags::empty())?;
            return Ok(false);
        }
        self.copy.protect(start, text_start, MprotectFlags::READ)?;
        let executable = MprotectFlags::READ | MprotectFlags::EXEC;
        self.copy.protect(text_start, text_end, executable)?;
        self.copy.protect(text_end, end, MprotectFlags::READ)?;
        Ok(true)
    }

    /// Verifies the sections that only a trap needs, and returns whether they are intact.
    pub(crate) fn has_sections_for_traps(&self) -> bool {
        let header = self.header();
        self.ensure(header.lazy_start as usize, header.text_start as usize)
            .is_ok()
    }

    /// Handles a fault at `address`: if it is in code that is not yet verified, verifies the code
    /// and makes it executable. Neither allocates nor locks.
    pub(crate) fn admit(&self, address: usize) -> Admission {
        let header = self.header();
        let (code, length) = self.code();
        let Some(offset) = address.checked_sub(code as usize) else {
            return Admission::NotConcerned;
        };
        if offset >= length.next_multiple_of(PAGE) {
            return Admission::NotConcerned;
        }
        let (text_start, lazy_start) = (header.text_start as usize, header.lazy_start as usize);
        if self.ensure_piece((text_start + offset - lazy_start) / CHUNK) {
            Admission::Admitted
        } else {
            Admission::Damaged
        }
    }

    /// Checks that sections, text and image are aligned, in order, and within the file.
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
            && image_end <= self.copy.length();
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

    /// The start of the code and its length in bytes.
    pub(crate) fn code(&self) -> (*const u8, usize) {
        let header = self.header();
        let start = self.copy.base().as_ptr();
        (
            start.wrapping_add(header.text_start as usize),
            header.text_length as usize,
        )
    }

    /// The whole mapping. Pieces that are not yet ensured are inaccessible.
    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping has `length` bytes and lives as long as `self`. Callers ensure a
        // piece, or have claimed it, before they access it.
        unsafe { std::slice::from_raw_parts(self.copy.base().as_ptr(), self.copy.length()) }
    }

    /// All bytes, verified.
    pub(crate) fn all_bytes(&self) -> Result<&[u8]> {
        self.ensure_all()?;
        Ok(self.bytes())
    }

    /// The start of the file.
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: `load` checked that the file is long enough, a mapping is page-aligned, and any
        // bytes are a valid header.
        unsafe { self.copy.base().cast::<Header>().as_ref() }
    }

    /// A section's records.
    pub(crate) fn section<T: Plain>(&self, section: Section) -> &[T] {
        debug_assert_eq!(size_of::<T>(), RECORD_SIZES[section as usize]);
        let Span { start, length } = self.header().sections[section as usize];
        // SAFETY: `check_places` checked that the section lies within the file and is aligned for
        // any record. Any bytes are valid records.
        unsafe {
            let start = self.copy.base().as_ptr().add(start as usize);
            std::slice::from_raw_parts(start.cast(), length as usize)
        }
    }

    /// The initial contents of memory 0, from [`Header::image_address`] on.
    pub(crate) fn image(&self) -> &[u8] {
        let header = self.header();
        &self.bytes()[header.image_start as usize..][..header.image_length as usize]
    }

    /// The image as a sealed file to map. The image must be ensured.
    pub(crate) fn image_file(&self) -> Result<BorrowedFd<'_>> {
        if let Some(file) = self.image.get() {
            return Ok(file.as_fd());
        }
        let file = copy::sealed(self.image())?;
        Ok(self.image.get_or_init(|| file).as_fd())
    }

    /// A string of a string section; empty if the span is out of range or not UTF-8.
    pub(crate) fn string(&self, section: Section, span: Span) -> &str {
        let strings: &[u8] = self.section(section);
        let bytes = strings
            .get(span.start as usize..)
            .and_then(|rest| rest.get(..span.length as usize))
            .unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}
