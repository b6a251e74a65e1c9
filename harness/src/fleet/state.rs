//! The folder of a fleet. `fleet.json` has what to run and where; `nodes/NODE/` has the run of a node, how
//! its last task ended, and the output of `bench`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The schema that this version reads and writes.
pub const SCHEMA: &str = "plimsoll.fleet/1";

/// Why a fleet's folder is unusable.
#[derive(Debug, Error)]
pub enum StateError {
    /// The folder has no fleet.
    #[error("{0} has no fleet.json; give the folder that `bench fleet run` printed")]
    NoFleet(PathBuf),
    /// The folder already has a fleet.
    #[error("{0} is there already; give another --dir, or continue it with `bench fleet collect`")]
    Exists(PathBuf),
    /// The schema is unknown to this version.
    #[error(
        "{path} has the schema {found:?}, which this bench does not read ({SCHEMA}); use the bench that wrote it"
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: String,
    },
    /// `fleet.json` does not fit its schema.
    #[error("{path} is damaged: {source}; the runs in {}/nodes are readable without it", .path.parent().unwrap_or(Path::new(".")).display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Position and cause of the error.
        source: serde_json::Error,
    },
    /// A file or folder cannot be used.
    #[error("cannot use {path}: {source}; check space and permissions there")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// What `fleet.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fleet {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Also the name of its jobs.
    pub id: String,
    /// Version of the `bench` that made it.
    pub bench_version: String,
    /// Arguments of `bench run` on every node.
    pub arguments: Vec<String>,
    /// Where nodes find `bench` and everything it needs.
    pub source: Source,
    /// The partition, unless it is the cluster's default.
    pub partition: Option<String>,
    /// Most minutes of a task; the partition's default otherwise.
    pub minutes: Option<u32>,
    /// Most tasks that are submitted for a node.
    pub attempts: u32,
    /// In the order of their tasks.
    pub nodes: Vec<Node>,
}

/// Where nodes find `bench`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A checkout on a file system that nodes share.
    Checkout {
        /// Its root.
        root: PathBuf,
        /// Where its programs are built into.
        target: PathBuf,
    },
    /// An unpacked bundle on a file system that nodes share.
    Folder {
        /// The folder that has `bench` or `bin/bench`.
        path: PathBuf,
    },
    /// An archive, unpacked on each node.
    Archive {
        /// The file.
        path: PathBuf,
        /// Its SHA-256 when the fleet was made, hexadecimal.
        sha256: String,
    },
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Its name in the scheduler.
    pub name: String,
    /// Tasks that were submitted for it, oldest first.
    pub tasks: Vec<Task>,
}

/// One element of a job array.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Task {
    /// The array.
    pub job: u64,
    /// Its place in the array: the place of the node in the fleet.
    pub index: u32,
}

/// The content of a node's `end.json`: how its last task ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Exit code of `bench run`; `None` if it never started or a signal ended it.
    pub exit: Option<i32>,
    /// The error, with its remedy.
    pub error: Option<String>,
    /// Whether another attempt may succeed.
    pub again: bool,
    /// Seconds of the task without `bench run`: unpacking, checks.
    pub around_seconds: f64,
}

/// A fleet's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`, made absolute because tasks run in other folders.
    ///
    /// # Errors
    /// [`StateError::Io`] if the working directory is gone.
    pub fn at(path: &Path) -> Result<Self, StateError> {
        let absolute = std::path::absolute(path).map_err(|source| StateError::Io {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(absolute))
    }

    /// Creates the folder of a new fleet.
    ///
    /// # Errors
    /// [`StateError::Exists`], [`StateError::Io`].
    pub fn create(&self) -> Result<(), StateError> {
        if self.0.join("fleet.json").exists() {
            return Err(StateError::Exists(self.0.clone()));
        }
        for folder in [self.0.clone(), self.0.join("nodes"), self.0.join("tasks")] {
            fs::create_dir_all(&folder).map_err(|source| StateError::Io {
                path: folder,
                source,
            })?;
        }
        Ok(())
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The copy of `bench` that tasks start.
    pub fn bench(&self) -> PathBuf {
        self.0.join("bench")
    }

    /// Output of a task outside of `bench run`, over all attempts.
    pub fn printed(&self, task: Task) -> PathBuf {
        self.0
            .join(format!("tasks/{}_{}.out", task.job, task.index))
    }

    /// The folder of a node.
    pub fn node(&self, name: &str) -> PathBuf {
        self.0.join("nodes").join(name)
    }

    /// The run of a node.
    pub fn run(&self, name: &str) -> PathBuf {
        self.node(name).join("run")
    }

    /// How the last task of a node ended; `None` before the first end.
    pub fn end(&self, name: &str) -> Option<End> {
        read(&self.node(name).join("end.json")).ok()
    }

    /// Records how a task ended.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn write_end(&self, name: &str, end: &End) -> Result<(), StateError> {
        write(&self.node(name).join("end.json"), end)
    }

    /// Reads `fleet.json`.
    ///
    /// # Errors
    /// [`StateError`] if there is no fleet of this version.
    pub fn read(&self) -> Result<Fleet, StateError> {
        let path = self.0.join("fleet.json");
        let value: serde_json::Value = read(&path)?;
        let found = value["schema"].as_str().unwrap_or("none").to_owned();
        if found != SCHEMA {
            return Err(StateError::Schema { path, found });
        }
        serde_json::from_value(value).map_err(|source| StateError::Damaged { path, source })
    }

    /// Atomically replaces `fleet.json`.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn write(&self, fleet: &Fleet) -> Result<(), StateError> {
        write(&self.0.join("fleet.json"), fleet)
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, StateError> {
    let text = fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StateError::NoFleet(path.parent().unwrap_or(path).to_owned()),
        _ => StateError::Io {
            path: path.to_owned(),
            source,
        },
    })?;
    serde_json::from_slice(&text).map_err(|source| StateError::Damaged {
        path: path.to_owned(),
        source,
    })
}

/// Writes a second file and renames it, so that readers see the old or the new one even after a kill.
fn write(path: &Path, value: &impl Serialize) -> Result<(), StateError> {
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let written = serde_json::to_vec_pretty(value)
        .map_err(io::Error::other)
        .and_then(|mut text| {
            text.push(b'\n');
            let mut file = File::create(&fresh)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&fresh, path)
        });
    written.map_err(|source| {
        let _ = fs::remove_file(&fresh);
        StateError::Io {
            path: path.to_owned(),
            source,
        }
    })
}
