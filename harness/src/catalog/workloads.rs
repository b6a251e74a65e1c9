//! The workloads: reads `workloads.toml` and its lock, and verifies the files on disk against them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_adapter::protocol;
use plimsoll_record::WorkloadId;
use plimsoll_record::run::WorkloadRecord;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use strum::IntoStaticStr;
use thiserror::Error;

use crate::catalog::checkout::Checkout;
use crate::catalog::digest::sha256;
use crate::run::load::exchange::{Exchange, ExchangeError, pair};
use crate::suites::conformance::uses::uses;

const SCHEMA: &str = "plimsoll.workloads/2";
const LOCK_SCHEMA: &str = "plimsoll.workloads-lock/1";

/// Why a workload is unusable.
#[derive(Debug, Error)]
pub enum WorkloadError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; {remedy}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
        /// The suggested action.
        remedy: String,
    },
    /// A table does not have the expected shape.
    #[error("{path} is malformed: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Position and cause of the error.
        message: String,
    },
    /// The lock has no entry for a workload.
    #[error(
        "workloads.lock has no entry for {id}; build it with `scripts/build-workloads --wasm {id}`"
    )]
    NotLocked {
        /// The workload.
        id: WorkloadId,
    },
    /// A `.wasm` differs from the one in the lock.
    #[error(
        "{path} is not the file that workloads.lock names (sha256 {found}, locked {locked}); \
         restore it or build it again with `scripts/build-workloads --wasm {id}`"
    )]
    WasmChanged {
        /// The workload.
        id: WorkloadId,
        /// The file.
        path: PathBuf,
        /// Hash of the file, first 12 digits.
        found: String,
        /// Hash in the lock, first 12 digits.
        locked: String,
    },
    /// Its requests and responses do not match.
    #[error("the requests of {id}, {path}, and its expected output do not fit: {source}")]
    Exchanges {
        /// The workload.
        id: WorkloadId,
        /// The file of requests.
        path: PathBuf,
        /// The mismatch.
        source: ExchangeError,
    },
    /// The `.wasm` was built from other sources.
    #[error(
        "the sources of {id} are not those its .wasm was built from; \
         build it again with `scripts/build-workloads --wasm {id}`"
    )]
    SourceChanged {
        /// The workload.
        id: WorkloadId,
    },
}

/// How long one run of a workload takes, which decides the number of trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum DurationClass {
    /// Ends within about 2 ms: many trials.
    Light,
    /// Computes for tens of milliseconds or more: fewer trials.
    Heavy,
    /// Prints that it is ready and waits for the end of its input: for idle memory and density.
    Waiting,
}

/// The purpose of a workload. Globs of a suite select only [`Category::General`]; the others must
/// be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Category {
    /// A small program for a common task.
    #[default]
    General,
    /// Computes for a chosen time, to check a gate.
    Yardstick,
    /// A compute kernel.
    Kernel,
    /// One task written in several languages.
    Language,
    /// A use case.
    UseCase,
    /// The module of another workload, stored with the state that its initialisation leaves.
    Snapshot,
    /// Works in rounds until it is killed, beside a server.
    Neighbour,
}

impl DurationClass {
    /// The name in `workloads.toml`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Category {
    /// The name in `workloads.toml`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// One workload of `workloads.toml`. Paths are relative to its folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WorkloadRow {
    /// Its id.
    pub id: WorkloadId,
    /// A one-line description.
    pub title: String,
    /// The reason for measuring it.
    pub why: String,
    /// Language of its source.
    pub language: String,
    sources: Vec<PathBuf>,
    wasm: PathBuf,
    /// Name of the native binary; `None` if it has none.
    native: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    input: Option<PathBuf>,
    /// What it may do in its folder.
    #[serde(default)]
    access: protocol::Access,
    /// Environment variables, as `NAME=VALUE`.
    #[serde(default)]
    env: Vec<String>,
    expected: PathBuf,
    /// Sequential requests for a program that serves them on its standard streams; `expected` then
    /// holds the responses.
    requests: Option<PathBuf>,
    /// Decides the number of trials.
    pub duration: DurationClass,
    /// Its purpose.
    #[serde(default)]
    pub category: Category,
    /// Caveats for readers of its results.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl WorkloadRow {
    /// Whether a suite's glob can select it; other workloads must be named.
    pub fn matches_globs(&self) -> bool {
        self.category == Category::General && self.duration != DurationClass::Waiting
    }
}

/// Another form of a workload in `workloads.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct ComponentRow {
    id: WorkloadId,
    /// The workload with the same program.
    of: WorkloadId,
    sources: Vec<PathBuf>,
    wasm: PathBuf,
}

#[derive(Deserialize)]
struct File {
    schema: String,
    workload: Vec<WorkloadRow>,
    #[serde(default)]
    component: Vec<ComponentRow>,
}

#[derive(Deserialize)]
struct LockFile {
    schema: String,
    #[serde(default)]
    workload: Vec<LockRow>,
}

/// The hashes and toolchain of a committed `.wasm`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct LockRow {
    id: WorkloadId,
    source_sha256: String,
    wasm_sha256: String,
    wasm_bytes: u64,
    toolchain: String,
}

/// The record next to a native binary.
#[derive(Deserialize)]
struct NativeRecord {
    toolchain: String,
    source_sha256: String,
}

/// All workloads of a checkout.
#[derive(Debug, Clone)]
pub struct Workloads {
    /// In the order of tables and pictures.
    pub rows: Vec<WorkloadRow>,
    components: Vec<ComponentRow>,
    lock: Vec<LockRow>,
}

/// A workload that can run: all files exist, with verified hashes.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The part that adapters get.
    pub workload: protocol::Workload,
    /// The part that is recorded.
    pub record: WorkloadRecord,
    /// Its standard input; `None` means /dev/null.
    pub stdin: Option<PathBuf>,
    /// A shell command to run before every trial, outside the clock.
    pub prepare: Option<String>,
    /// The expected output, byte for byte.
    pub expected: Vec<u8>,
    /// The requests to a server with their expected responses; empty for other workloads.
    pub exchanges: Vec<Exchange>,
    /// Decides the number of trials.
    pub duration: DurationClass,
    /// Its purpose.
    pub category: Category,
    /// Whether it has a native binary.
    pub native: Native,
}

/// Whether a workload has a native binary from the same source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Native {
    /// It has one.
    Ready,
    /// It has none, or one from other sources.
    Missing,
    /// It is not meant to have one.
    NotPlanned,
}

impl Workloads {
    /// Reads `workloads.toml` and `workloads.lock`. A missing lock counts as empty.
    ///
    /// # Errors
    /// [`WorkloadError`] if either is unreadable or malformed.
    pub fn read(checkout: &Checkout) -> Result<Self, WorkloadError> {
        let folder = checkout.workloads();
        let table: File = read_toml(&folder.join("workloads.toml"), "it comes with the checkout")?;
        expect_schema(&folder.join("workloads.toml"), &table.schema, SCHEMA)?;
        let lock_path = folder.join("workloads.lock");
        let lock = if lock_path.exists() {
            let lock: LockFile = read_toml(&lock_path, "it comes with the checkout")?;
            expect_schema(&lock_path, &lock.schema, LOCK_SCHEMA)?;
            lock.workload
        } else {
            Vec::new()
        };
        Ok(Self {
            rows: table.workload,
            components: table.component,
            lock,
        })
    }

    /// Every workload's id, in order.
    pub fn ids(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.id.as_str()).collect()
    }

    /// Whether `row` has a native binary from the sources in the lock.
    pub fn native(&self, checkout: &Checkout, row: &WorkloadRow) -> Native {
        let Some(name) = &row.native else {
            return Native::NotPlanned;
        };
        let binary = checkout.native_binaries().join(name);
        let locked = self.lock.iter().find(|lock| lock.id == row.id);
        match (native_record(checkout, name), locked) {
            (Some(record), Some(lock))
                if record.source_sha256 == lock.source_sha256
                    && crate::catalog::targets::is_executable(&binary) =>
            {
                Native::Ready
            }
            _ => Native::Missing,
        }
    }

    /// Verifies the files of `row` against the lock.
    ///
    /// # Errors
    /// [`WorkloadError`] with the file that is missing or differs, and the remedy.
    pub fn ready(&self, checkout: &Checkout, row: &WorkloadRow) -> Result<Ready, WorkloadError> {
        let folder = checkout.workloads();
        let id = row.id.clone();
        let Locked { path, bytes, lock } = self.locked(&folder, &id, &row.wasm, &row.sources)?;
        let component = self.components.iter().find(|other| other.of == id);
        let component = component
            .map(|other| self.locked(&folder, &other.id, &other.wasm, &other.sources))
            .transpose()?;
        let expected = read(&folder.join(&row.expected), || {
            "it comes with the checkout".to_owned()
        })?;
        let exchanges = match &row.requests {
            None => Vec::new(),
            Some(requests) => {
                let path = folder.join(requests);
                let requests = read(&path, || "it comes with the checkout".to_owned())?;
                pair(&requests, &expected).map_err(|source| WorkloadError::Exchanges {
                    id: id.clone(),
                    path,
                    source,
                })?
            }
        };
        let side = self.native(checkout, row);
        let native = match (side, &row.native) {
            (Native::Ready, Some(name)) => Some(name),
            _ => None,
        };
        let native_path = native.map(|name| checkout.native_binaries().join(name));
        let native_sha256 = match &native_path {
            Some(path) => Some(sha256(&read(path, || {
                format!("build it with `scripts/build-workloads --native {id}`")
            })?)),
            None => None,
        };
        Ok(Ready {
            record: WorkloadRecord {
                workload: id.clone(),
                title: row.title.clone(),
                language: row.language.clone(),
                source_sha256: lock.source_sha256.clone(),
                wasm_sha256: lock.wasm_sha256.clone(),
                wasm_bytes: lock.wasm_bytes,
                component_sha256: component.as_ref().map(|of| of.lock.wasm_sha256.clone()),
                wasm_toolchain: lock.toolchain.clone(),
                native_toolchain: native
                    .and_then(|name| native_record(checkout, name))
                    .map(|record| record.toolchain),
                native_sha256,
                expected_sha256: sha256(&expected),
                uses: uses(&bytes),
                given: Default::default(),
            },
            stdin: None,
            prepare: None,
            workload: protocol::Workload {
                id,
                wasm: path,
                native: native_path,
                component: component.map(|of| of.path),
                image: None,
                args: row.args.clone(),
                input: row.input.as_ref().map(|path| folder.join(path)),
                grants: protocol::Grants::of(row.access, &row.env),
            },
            expected,
            exchanges,
            duration: row.duration,
            category: row.category,
            native: side,
        })
    }
}

/// A committed `.wasm` that matches the lock.
struct Locked<'l> {
    path: PathBuf,
    bytes: Vec<u8>,
    lock: &'l LockRow,
}

impl Workloads {
    /// Verifies a committed `.wasm` and its sources against the lock. Returns its path, bytes and
    /// entry.
    fn locked(
        &self,
        folder: &Path,
        id: &WorkloadId,
        wasm: &Path,
        sources: &[PathBuf],
    ) -> Result<Locked<'_>, WorkloadError> {
        let lock = self.lock.iter().find(|lock| lock.id == *id);
        let lock = lock.ok_or_else(|| WorkloadError::NotLocked { id: id.clone() })?;
        let path = folder.join(wasm);
        let bytes = read(&path, || {
            format!("build it with `scripts/build-workloads --wasm {id}`")
        })?;
        let found = sha256(&bytes);
        if found != lock.wasm_sha256 {
            return Err(WorkloadError::WasmChanged {
                id: id.clone(),
                path,
                found: found[..12].to_owned(),
                locked: lock.wasm_sha256.chars().take(12).collect(),
            });
        }
        if source_sha256(folder, sources)? != lock.source_sha256 {
            return Err(WorkloadError::SourceChanged { id: id.clone() });
        }
        Ok(Locked { path, bytes, lock })
    }
}

/// SHA-256 over `path NUL length NUL bytes` of each file, in order, like `scripts/build-workloads`.
pub(crate) fn source_sha256(folder: &Path, sources: &[PathBuf]) -> Result<String, WorkloadError> {
    let mut hash = Sha256::new();
    for source in sources {
        let bytes = read(&folder.join(source), || {
            "it comes with the checkout".to_owned()
        })?;
        hash.update(source.as_os_str().as_encoded_bytes());
        hash.update(format!("\0{}\0", bytes.len()));
        hash.update(&bytes);
    }
    Ok(hex::encode(hash.finalize()))
}

fn native_record(checkout: &Checkout, name: &str) -> Option<NativeRecord> {
    let path = checkout.native_binaries().join(format!("{name}.json"));
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn read(path: &Path, remedy: impl FnOnce() -> String) -> Result<Vec<u8>, WorkloadError> {
    fs::read(path).map_err(|source| WorkloadError::Io {
        path: path.to_owned(),
        source,
        remedy: remedy(),
    })
}

fn read_toml<T: DeserializeOwned>(path: &Path, remedy: &str) -> Result<T, WorkloadError> {
    let bytes = read(path, || remedy.to_owned())?;
    toml::from_slice(&bytes).map_err(|error| WorkloadError::Malformed {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

fn expect_schema(path: &Path, found: &str, expected: &str) -> Result<(), WorkloadError> {
    if found == expected {
        return Ok(());
    }
    Err(WorkloadError::Malformed {
        path: path.to_owned(),
        message: format!("schema is {found:?}, this version reads {expected:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_hash_covers_names_lengths_and_bytes() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "xy").unwrap();
        fs::write(folder.path().join("b"), "z").unwrap();
        let hash = |names: &[&str]| {
            let names: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
            source_sha256(folder.path(), &names).unwrap()
        };
        assert_eq!(hash(&["a"]), sha256(b"a\x002\x00xy"));
        assert_ne!(hash(&["a", "b"]), hash(&["b", "a"]));
    }
}
