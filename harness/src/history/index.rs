//! What a folder of runs holds, kept in SQLite beside them: analysing a run again takes as long as
//! its bootstrap does, and a folder grows.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use plimsoll_analysis::{Row, Status};
use plimsoll_record::reader::{RUN_FILE, SAMPLES_FILE};
use plimsoll_record::{ReadError, Recorded};
use rusqlite::{Connection, params};
use thiserror::Error;

use crate::ui::progress::say;

/// Name of the index in the folder of runs.
pub const FILE: &str = "history.sqlite";

/// Version of the tables below. An index of another version, or of another `bench`, whose analysis
/// may differ, is made again.
const VERSION: &str = concat!("1 ", env!("CARGO_PKG_VERSION"));

const TABLES: &str = "
    PRAGMA journal_mode = MEMORY;
    CREATE TABLE IF NOT EXISTS version (version TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS run (
        directory TEXT PRIMARY KEY,
        stamp TEXT NOT NULL,
        id TEXT NOT NULL,
        suite TEXT NOT NULL,
        started INTEGER NOT NULL,
        machine TEXT NOT NULL,
        revision TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS row (
        directory TEXT NOT NULL REFERENCES run (directory) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        row TEXT NOT NULL,
        PRIMARY KEY (directory, position)
    );";

/// Why the history of a folder could not be had.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The folder cannot be listed.
    #[error("cannot list {folder}: {source}; name a folder of runs")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index cannot be used.
    #[error("cannot use the index {path}: {source}; delete it, or use --rebuild")]
    Index {
        /// The index.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// One run of the folder.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexedRun {
    /// Its id.
    pub id: String,
    /// When it was started, seconds since 1970.
    pub started: i64,
    /// What it was made on: rows of different machines are no one series.
    pub machine: String,
    /// The source it was made from, where it says so.
    pub revision: String,
    /// Its rows that hold a number, in the order of its tables.
    pub rows: Vec<Row>,
}

/// Brings the index of `folder` up to date and returns its runs, the oldest first.
///
/// # Errors
/// [`IndexError`]. A run that cannot be read is told about and left out.
pub fn runs(folder: &Path, afresh: bool) -> Result<Vec<IndexedRun>, IndexError> {
    let list = |source| IndexError::Folder {
        folder: folder.to_owned(),
        source,
    };
    let mut directories: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(list)? {
        let path = entry.map_err(list)?.path();
        // `latest` points to one of the others.
        if path.join(RUN_FILE).is_file() && !path.is_symlink() {
            directories.push(path);
        }
    }
    directories.sort();
    let path = folder.join(FILE);
    if afresh {
        let _ = fs::remove_file(&path);
    }
    let at = |source| IndexError::Index {
        path: path.clone(),
        source,
    };
    let (mut index, lasting) = open(&path).map_err(at)?;
    if !lasting {
        say(&format!(
            "{} cannot be written: every run is read again each time",
            path.display()
        ));
    }
    update(&mut index, &directories).map_err(at)?;
    read(&index).map_err(at)
}

/// Opens the index, or one in memory where the folder cannot be written to; says whether it lasts.
fn open(path: &Path) -> Result<(Connection, bool), rusqlite::Error> {
    let (index, lasting) = match prepared(Connection::open(path)) {
        Ok(index) => (index, true),
        // Not an index, one of a crashed machine, or a folder that is not ours to write in.
        Err(_) => {
            let _ = fs::remove_file(path);
            match prepared(Connection::open(path)) {
                Ok(index) => (index, true),
                Err(_) => (prepared(Connection::open_in_memory())?, false),
            }
        }
    };
    let known: Option<String> = index
        .query_row("SELECT version FROM version", [], |row| row.get(0))
        .ok();
    if known.as_deref() != Some(VERSION) {
        index.execute_batch("DELETE FROM row; DELETE FROM run; DELETE FROM version;")?;
        index.execute("INSERT INTO version VALUES (?1)", [VERSION])?;
    }
    Ok((index, lasting))
}

fn prepared(index: rusqlite::Result<Connection>) -> rusqlite::Result<Connection> {
    let index = index?;
    index.execute_batch(TABLES)?;
    Ok(index)
}

fn update(index: &mut Connection, directories: &[PathBuf]) -> rusqlite::Result<()> {
    let mut known: BTreeSet<(String, String)> = {
        let mut query = index.prepare("SELECT directory, stamp FROM run")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let changes = index.transaction()?;
    for directory in directories {
        // Names, not paths: a folder that was moved keeps its index.
        let name = directory.file_name().unwrap_or_default();
        let key = (name.to_string_lossy().into_owned(), stamp(directory));
        if known.remove(&key) {
            continue;
        }
        let (name, stamp) = key;
        changes.execute("DELETE FROM row WHERE directory = ?1", [&name])?;
        changes.execute("DELETE FROM run WHERE directory = ?1", [&name])?;
        known.retain(|(other, _)| *other != name);
        match Recorded::read(directory) {
            Ok(recorded) => insert(&changes, &name, &stamp, &recorded)?,
            Err(error) => told(&error),
        }
    }
    // What is left is gone from the folder.
    for (name, _) in known {
        changes.execute("DELETE FROM row WHERE directory = ?1", [&name])?;
        changes.execute("DELETE FROM run WHERE directory = ?1", [&name])?;
    }
    changes.commit()
}

fn told(error: &ReadError) {
    say(&format!("left out: {error}"));
}

/// Changes when a run does.
fn stamp(directory: &Path) -> String {
    let of = |name: &str| {
        let facts = fs::metadata(directory.join(name)).ok()?;
        let changed = facts.modified().ok()?;
        let since = changed.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(format!("{} {}", facts.len(), since.as_nanos()))
    };
    format!("{:?} {:?}", of(RUN_FILE), of(SAMPLES_FILE))
}

fn insert(
    index: &Connection,
    directory: &str,
    stamp: &str,
    recorded: &Recorded,
) -> rusqlite::Result<()> {
    let run = &recorded.run;
    let e = &run.environment;
    index.execute(
        "INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            directory,
            stamp,
            run.id,
            run.suite.name(),
            run.started.unix_timestamp(),
            format!("{} × {}, {} bytes", e.cpus, e.cpu_model, e.memory_bytes),
            e.other.get("source revision").cloned().unwrap_or_default(),
        ],
    )?;
    let mut statement = index.prepare("INSERT INTO row VALUES (?1, ?2, ?3)")?;
    let report = plimsoll_analysis::analyse(recorded);
    let rows = report.rows.iter();
    for (position, row) in rows
        .filter(|row| row.status == Status::Ok && row.median.is_some())
        .enumerate()
    {
        let text = serde_json::to_string(row)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        statement.execute(params![directory, position as i64, text])?;
    }
    Ok(())
}

fn read(index: &Connection) -> rusqlite::Result<Vec<IndexedRun>> {
    let mut query = index.prepare(
        "SELECT directory, id, started, machine, revision FROM run ORDER BY started, directory",
    )?;
    let runs = query.query_map([], |row| {
        let run = IndexedRun {
            id: row.get(1)?,
            started: row.get(2)?,
            machine: row.get(3)?,
            revision: row.get(4)?,
            rows: Vec::new(),
        };
        Ok((row.get::<_, String>(0)?, run))
    })?;
    let mut rows = index.prepare("SELECT row FROM row WHERE directory = ?1 ORDER BY position")?;
    runs.map(|run| {
        let (directory, mut run) = run?;
        let texts = rows.query_map([directory], |row| row.get::<_, String>(0))?;
        for text in texts {
            let row = serde_json::from_str(&text?);
            run.rows
                .push(row.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?);
        }
        Ok(run)
    })
    .collect()
}
