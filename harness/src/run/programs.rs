//! The programs of a run, by content: `bench` itself, adapters, and what a target's command line starts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use plimsoll_adapter::protocol::Launch;
use plimsoll_record::run::ProgramRecord;
use plimsoll_record::{TargetId, WorkloadId};
use sha2::{Digest, Sha256};

use crate::exit::Usage;

/// The program that plans, starts, times and records.
pub const BENCH: &str = "bench";
/// The program that drives an engine.
pub const ADAPTER: &str = "adapter";
/// The program started for every trial of a target: an engine's runner, or a native program.
pub const RUNNER: &str = "runner";
/// The compiled form of a workload, which a runner loads.
pub const ARTEFACT: &str = "artefact";

/// Detects a replaced file without reading it: device, inode, size, change time.
type Stamp = (u64, u64, u64, i64, i64);

/// The programs of a run, hashed once.
#[derive(Debug, Default)]
pub struct Programs {
    records: Vec<ProgramRecord>,
    files: BTreeMap<PathBuf, (Stamp, String)>,
}

impl Programs {
    /// The record with `bench` itself.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_bench() -> io::Result<Self> {
        let mut programs = Self::default();
        // This name opens the running file even if another has replaced it on disk.
        let sha256 = sha256_of(Path::new("/proc/self/exe"))?;
        programs.records.push(ProgramRecord {
            role: BENCH.to_owned(),
            name: "bench".to_owned(),
            sha256,
        });
        Ok(programs)
    }

    /// Adds the program at `path`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn add(&mut self, role: &str, name: &str, path: &Path) -> io::Result<()> {
        let sha256 = match self.files.get(path) {
            Some((_, sha256)) => sha256.clone(),
            None => {
                let stamp = stamp_of(path)?;
                let sha256 = sha256_of(path)?;
                self.files.insert(path.to_owned(), (stamp, sha256.clone()));
                sha256
            }
        };
        let record = ProgramRecord {
            role: role.to_owned(),
            name: name.to_owned(),
            sha256,
        };
        if !self.records.contains(&record) {
            self.records.push(record);
        }
        Ok(())
    }

    /// Adds the program that `launch` of a target starts, and the file that it loads, unless that is a folder:
    /// the configuration of a container's bundle contains the run's name.
    ///
    /// # Errors
    /// As [`Programs::add`].
    pub fn add_launch(
        &mut self,
        (target, workload): (&TargetId, &WorkloadId),
        launch: &Launch,
    ) -> io::Result<()> {
        let file = launch.program.file_name().unwrap_or_default();
        let name = format!("{target}: {}", file.to_string_lossy());
        self.add(RUNNER, &name, &launch.program)?;
        if launch.artefact != launch.program && launch.artefact.is_file() {
            self.add(ARTEFACT, &format!("{target}: {workload}"), &launch.artefact)?;
        }
        Ok(())
    }

    /// The records for `run.json`.
    pub fn records(&self) -> &[ProgramRecord] {
        &self.records
    }

    /// The first program on disk with changed content, if there is one.
    pub fn exchanged(&mut self) -> Option<PathBuf> {
        for (path, (stamp, sha256)) in &mut self.files {
            let now = stamp_of(path).ok();
            if now == Some(*stamp) {
                continue;
            }
            // A rebuild with identical content counts as unchanged.
            match (now, sha256_of(path)) {
                (Some(now), Ok(again)) if again == *sha256 => *stamp = now,
                _ => return Some(path.clone()),
            }
        }
        None
    }

    /// Checks that no program differs from the one that run `id` recorded under its name.
    ///
    /// # Errors
    /// [`Usage`] with the program's name.
    pub fn same_as(&self, id: &str, before: &[ProgramRecord]) -> Result<(), Usage> {
        for now in &self.records {
            let named = |one: &&ProgramRecord| (&one.role, &one.name) == (&now.role, &now.name);
            let mut same_name = before.iter().filter(named).peekable();
            let is_new = same_name.peek().is_none();
            if !is_new && !same_name.any(|one| one.sha256 == now.sha256) {
                return Err(Usage(format!(
                    "{id} cannot be continued: the {} {} is not the one that it was begun with \
                     (SHA-256 {}... now); bring that back, or start a new run",
                    now.role,
                    now.name,
                    &now.sha256[..12],
                )));
            }
        }
        Ok(())
    }
}

fn stamp_of(path: &Path) -> io::Result<Stamp> {
    let about = fs::metadata(path)?;
    Ok((
        about.dev(),
        about.ino(),
        about.size(),
        about.ctime(),
        about.ctime_nsec(),
    ))
}

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// If it cannot be read.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut chunk)? {
            0 => break,
            read => hasher.update(&chunk[..read]),
        }
    }
    let digest = hasher.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchanged_program_is_seen_and_a_touched_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adapter");
        fs::write(&path, "one").unwrap();
        let mut programs = Programs::default();
        programs.add(ADAPTER, "it", &path).unwrap();
        assert_eq!(programs.exchanged(), None);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "one").unwrap();
        assert_eq!(programs.exchanged(), None);
        fs::write(&path, "two").unwrap();
        assert_eq!(programs.exchanged(), Some(path.clone()));
        let before = programs.records().to_vec();
        let mut now = Programs::default();
        now.add(ADAPTER, "it", &path).unwrap();
        let refused = now.same_as("a run", &before).unwrap_err().to_string();
        assert!(refused.contains("adapter it"), "{refused}");
        assert!(now.same_as("a run", now.records()).is_ok());
        assert!(now.same_as("a run", &[]).is_ok());
    }
}
