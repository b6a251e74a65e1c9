//! Appends to a run directory. A trial's lines are written before the next trial starts, so a kill
//! loses at most the current trial.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::line::Line;
use crate::reader::{RUN_FILE, SAMPLES_FILE};
use crate::run::Run;

/// Why recording failed.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The directory already holds a run.
    #[error("run directory {0} already exists; give another --out or resume it with --resume")]
    Exists(PathBuf),
    /// The directory has samples but no `run.json`.
    #[error(
        "{0} has a samples.ndjson without a run.json: what remains of another run; remove it or give \
         another --out"
    )]
    Remains(PathBuf),
    /// The run directory was removed or moved.
    #[error(
        "{0} was removed or moved while the run measured, so nothing more can be recorded there; move it back \
         and continue with --resume, or start a new run"
    )]
    Gone(PathBuf),
    /// A file could not be written, usually because the disk is full.
    #[error(
        "cannot write {path}: {source}; what was recorded before is kept, free space and continue with --resume"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// An open run directory that takes samples and outcomes.
#[derive(Debug)]
pub struct RunWriter {
    directory: PathBuf,
    samples: File,
    /// Length of `samples.ndjson` up to its last whole line, bytes.
    whole: u64,
}

impl RunWriter {
    /// Checks that a new run can be recorded in `directory`, which need not exist.
    ///
    /// # Errors
    /// [`WriteError::Exists`] if it holds a run, [`WriteError::Remains`] if it holds samples of
    /// another run.
    pub fn check(directory: &Path) -> Result<(), WriteError> {
        if directory.join(RUN_FILE).symlink_metadata().is_ok() {
            return Err(WriteError::Exists(directory.to_owned()));
        }
        match directory.join(SAMPLES_FILE).symlink_metadata() {
            // An empty file is left by a run killed before its first trial.
            Ok(samples) if !samples.is_file() || samples.len() > 0 => {
                Err(WriteError::Remains(directory.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Creates the run directory `directory` and writes `run.json`.
    ///
    /// # Errors
    /// As [`RunWriter::check`]; [`WriteError::Io`] if a file cannot be created.
    pub fn create(directory: &Path, run: &Run) -> Result<Self, WriteError> {
        Self::check(directory)?;
        fs::create_dir_all(directory).map_err(io_at(directory))?;
        write_run(directory, run)?;
        Self::open(directory)
    }

    /// Opens an existing run directory for appending. A torn last line (from a kill or a full disk)
    /// is cut off; a complete one that lacks its newline is kept.
    ///
    /// # Errors
    /// [`WriteError::Io`] if `samples.ndjson` cannot be opened or repaired.
    pub fn open(directory: &Path) -> Result<Self, WriteError> {
        let path = directory.join(SAMPLES_FILE);
        let samples = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(io_at(&path))?;
        let content = fs::read(&path).map_err(io_at(&path))?;
        let whole = content
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        let mut writer = Self {
            directory: directory.to_owned(),
            samples,
            whole: whole as u64,
        };
        let last = &content[whole..];
        if serde_json::from_slice::<Line>(last).is_ok() {
            writer.samples.write_all(b"\n").map_err(io_at(&path))?;
            writer.whole = content.len() as u64 + 1;
        } else {
            let cut = writer.samples.set_len(writer.whole);
            cut.map_err(io_at(&path))?;
        }
        Ok(writer)
    }

    /// The run directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends lines in one write, so that a trial is recorded completely or not at all.
    ///
    /// # Errors
    /// [`WriteError::Gone`] if the directory no longer exists. [`WriteError::Io`] if the file system refuses.
    /// Partly written lines are cut off again, so the file always ends in a whole line.
    pub fn append(&mut self, lines: &[Line]) -> Result<(), WriteError> {
        let path = self.directory.join(SAMPLES_FILE);
        let open = self.samples.metadata().map_err(io_at(&path))?;
        let is_there = fs::metadata(&path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (open.dev(), open.ino()));
        if !is_there {
            return Err(WriteError::Gone(self.directory.clone()));
        }
        let mut text = Vec::with_capacity(lines.len() * 128);
        for line in lines {
            serde_json::to_writer(&mut text, line)
                .map_err(io::Error::from)
                .map_err(io_at(&path))?;
            text.push(b'\n');
        }
        match self.samples.write_all(&text) {
            Ok(()) => {
                self.whole += text.len() as u64;
                Ok(())
            }
            Err(source) => {
                // Truncating frees space and needs none. If it fails, the reader copes with a torn
                // line.
                let _ = self.samples.set_len(self.whole);
                Err(WriteError::Io { path, source })
            }
        }
    }

    /// Atomically replaces `run.json`.
    ///
    /// # Errors
    /// [`WriteError::Io`] if it cannot be written; the earlier file then remains.
    pub fn update_run(&self, run: &Run) -> Result<(), WriteError> {
        write_run(&self.directory, run)
    }

    /// Waits until everything appended is on disk.
    ///
    /// # Errors
    /// [`WriteError::Io`] if the file system reports a failure.
    pub fn sync(&self) -> Result<(), WriteError> {
        self.samples
            .sync_all()
            .map_err(io_at(&self.directory.join(SAMPLES_FILE)))
    }
}

fn write_run(directory: &Path, run: &Run) -> Result<(), WriteError> {
    let path = directory.join(RUN_FILE);
    let partial = directory.join("run.json.partial");
    let mut text = serde_json::to_vec_pretty(run)
        .map_err(io::Error::from)
        .map_err(io_at(&path))?;
    text.push(b'\n');
    fs::write(&partial, text).map_err(io_at(&partial))?;
    fs::rename(&partial, &path).map_err(io_at(&path))
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> WriteError + '_ {
    move |source| WriteError::Io {
        path: path.to_owned(),
        source,
    }
}
