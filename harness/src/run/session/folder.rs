//! The folder of a workload that writes: in the run's scratch directory, with only the workload's input in
//! it, fresh for every trial.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_adapter::protocol::Access;
use plimsoll_record::WorkloadId;

use crate::catalog::workloads::Ready;

/// A folder that is renewed for every trial.
pub(super) struct Folder {
    path: PathBuf,
    /// Its content before a trial.
    input: Option<PathBuf>,
}

/// Gives every workload that writes a folder in `scratch` instead of its input folder.
pub(super) fn give(
    workloads: &mut BTreeMap<WorkloadId, Ready>,
    scratch: &Path,
) -> io::Result<BTreeMap<WorkloadId, Folder>> {
    let mut folders = BTreeMap::new();
    for (id, ready) in workloads {
        let workload = &mut ready.workload;
        if workload.grants.folder == Access::Read {
            continue;
        }
        let path = scratch.join("written").join(id.as_str());
        let folder = Folder {
            input: workload.input.replace(path.clone()),
            path,
        };
        folder.renew()?;
        folders.insert(id.clone(), folder);
    }
    Ok(folders)
}

impl Folder {
    /// Empties it and copies the input into it again.
    pub(super) fn renew(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&self.path)?;
        let Some(input) = &self.input else {
            return Ok(());
        };
        for entry in fs::read_dir(input)? {
            let entry = entry?;
            fs::copy(entry.path(), self.path.join(entry.file_name()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_folder_holds_the_input_as_it_was_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let (input, path) = (scratch.path().join("input"), scratch.path().join("written"));
        fs::create_dir(&input).unwrap();
        fs::write(input.join("input.txt"), "as it was").unwrap();
        let folder = Folder {
            path: path.clone(),
            input: Some(input.clone()),
        };
        folder.renew().unwrap();
        fs::write(path.join("input.txt"), "changed").unwrap();
        fs::create_dir(path.join("tree")).unwrap();
        fs::write(path.join("tree/file"), "left").unwrap();

        folder.renew().unwrap();

        let names = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["input.txt"]);
        let read = |folder: &Path| fs::read_to_string(folder.join("input.txt")).unwrap();
        assert_eq!(
            (read(&path), read(&input)),
            ("as it was".into(), "as it was".into())
        );
    }
}
