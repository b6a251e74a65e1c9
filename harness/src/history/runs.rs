//! The runs of a folder. An analysis takes as long as its bootstrap, so its rows are cached next to the run,
//! in [`CACHE`].

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use plimsoll_analysis::{Row, Status};
use plimsoll_record::reader::{RUN_FILE, SAMPLES_FILE, read_run};
use plimsoll_record::{ReadError, Recorded, Run};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::catalog::workloads::sha256;
use crate::ui::format;
use crate::ui::progress::say;

/// Name of the cached analysis in a run directory.
pub const CACHE: &str = "analysis.json";

/// The schema of [`Cached`].
const SCHEMA: &str = "plimsoll.analysis/1";

/// The folder of runs cannot be listed.
#[derive(Debug, Error)]
#[error("cannot list {folder}: {source}; name a folder of runs")]
pub struct FolderError {
    folder: PathBuf,
    source: io::Error,
}

/// One run of the folder.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRun {
    /// The plan and the machine.
    pub run: Run,
    /// Its rows that have a number, in table order.
    pub rows: Vec<Row>,
    /// SHA-256 of its samples, hexadecimal.
    content: String,
}

/// A cached analysis.
#[derive(Debug, Serialize, Deserialize)]
struct Cached {
    schema: String,
    /// The `bench` that made it, because another one may analyse differently.
    made_by: String,
    /// Sizes and modification times of the run's files.
    stamp: String,
    content: String,
    rows: Vec<Row>,
}

/// The runs in `folder`, oldest first; copies count once. `afresh` ignores cached analyses.
///
/// # Errors
/// [`FolderError`]. A run that cannot be read is reported and skipped.
pub fn runs(folder: &Path, afresh: bool) -> Result<Vec<HistoryRun>, FolderError> {
    let list = |source| FolderError {
        folder: folder.to_owned(),
        source,
    };
    let mut directories: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(list)? {
        let path = entry.map_err(list)?.path();
        // `latest` is a link to another run.
        if path.join(RUN_FILE).is_file() && !path.is_symlink() {
            directories.push(path);
        }
    }
    directories.sort();
    let made_by = made_by();
    let mut uncached = 0;
    let mut found = Vec::new();
    for directory in &directories {
        match load(directory, &made_by, afresh) {
            Ok((run, is_cached)) => {
                uncached += usize::from(!is_cached);
                found.push(run);
            }
            Err(error) => say(&format!("skipped: {error}")),
        }
    }
    if uncached > 0 {
        say(&format!(
            "cannot write {CACHE} beside {}: they are analysed again each time",
            format::count(uncached, "run")
        ));
    }
    // Compares id and content, because a copied folder is no new measurement.
    let mut seen = BTreeSet::new();
    let all = found.len();
    found.retain(|one| seen.insert((one.run.id.clone(), one.content.clone())));
    if found.len() < all {
        say(&format!(
            "{} counted once each",
            format::count(all - found.len(), "copy of a run")
        ));
    }
    found.sort_by(|a, b| (a.run.started, &a.run.id).cmp(&(b.run.started, &b.run.id)));
    Ok(found)
}

/// A run with its rows, and whether its analysis was cached.
fn load(directory: &Path, made_by: &str, afresh: bool) -> Result<(HistoryRun, bool), ReadError> {
    let stamp = stamp(directory);
    let cached = match afresh {
        true => None,
        false => read(directory),
    };
    if let Some(cached) = cached
        && (cached.made_by.as_str(), &cached.stamp) == (made_by, &stamp)
    {
        let run = HistoryRun {
            run: read_run(directory)?,
            rows: cached.rows,
            content: cached.content,
        };
        return Ok((run, true));
    }
    let recorded = Recorded::read(directory)?;
    let mut rows = plimsoll_analysis::analyse(&recorded).rows;
    rows.retain(|row| row.status == Status::Ok && row.median.is_some_and(f64::is_finite));
    let cached = Cached {
        schema: SCHEMA.to_owned(),
        made_by: made_by.to_owned(),
        stamp,
        content: content(directory),
        rows,
    };
    let is_cached = write(directory, &cached).is_ok();
    let run = HistoryRun {
        run: recorded.run,
        rows: cached.rows,
        content: cached.content,
    };
    Ok((run, is_cached))
}

/// The cached analysis; `None` if this version cannot read one.
fn read(directory: &Path) -> Option<Cached> {
    let text = fs::read(directory.join(CACHE)).ok()?;
    let cached: Cached = serde_json::from_slice(&text).ok()?;
    (cached.schema == SCHEMA).then_some(cached)
}

/// Writes the cache atomically: a concurrent reader sees the old or the new one.
fn write(directory: &Path, cached: &Cached) -> io::Result<()> {
    let partial = directory.join(format!("{CACHE}.{}", std::process::id()));
    let written = serde_json::to_vec(cached)
        .map_err(io::Error::from)
        .and_then(|text| fs::write(&partial, text))
        .and_then(|()| fs::rename(&partial, directory.join(CACHE)));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
}

/// This `bench`, by version and build.
fn made_by() -> String {
    let built = std::env::current_exe().map(|path| facts(&path));
    format!("{} {:?}", env!("CARGO_PKG_VERSION"), built.ok().flatten())
}

/// Changes whenever the run's files do.
fn stamp(directory: &Path) -> String {
    let of = |name: &str| facts(&directory.join(name));
    format!("{:?} {:?}", of(RUN_FILE), of(SAMPLES_FILE))
}

/// Size in bytes, and modification time in nanoseconds since 1970.
fn facts(path: &Path) -> Option<(u64, u128)> {
    let facts = fs::metadata(path).ok()?;
    let changed = facts.modified().ok()?;
    let since = changed.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some((facts.len(), since.as_nanos()))
}

/// SHA-256 of a run's samples; empty without samples.
fn content(directory: &Path) -> String {
    let samples = fs::read(directory.join(SAMPLES_FILE));
    samples.map_or_else(|_| String::new(), |bytes| sha256(&bytes))
}
