//! Hashes of the programs that take part in trials.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use plimsoll_record::run::ProgramRecord;
use sha2::{Digest, Sha256};

use crate::Error;

/// Hashes a program or library file.
///
/// # Errors
///
/// If the file cannot be read.
pub fn of_file(role: &str, path: &Path) -> Result<ProgramRecord, Error> {
    let failed = |error| Error::failed(format!("hashing {role} {}", path.display()), error);
    let mut file = File::open(path).map_err(failed)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece).map_err(failed)? {
            0 => break,
            read => hash.update(&piece[..read]),
        }
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(ProgramRecord {
        role: role.to_owned(),
        name: name.to_string_lossy().into_owned(),
        sha256: hex::encode(hash.finalize()),
    })
}

/// The executable of this process, even if the file on disk was replaced.
pub(crate) fn this_adapter() -> Result<ProgramRecord, Error> {
    let mut adapter = of_file("adapter", Path::new("/proc/self/exe"))?;
    if let Some(name) = std::env::current_exe()
        .ok()
        .as_deref()
        .and_then(Path::file_name)
    {
        adapter.name = name.to_string_lossy().into_owned();
    }
    Ok(adapter)
}

/// The shared libraries of this process whose file name contains `part`. For an engine that is a library, these are the
/// files that were loaded, not others installed elsewhere.
///
/// # Errors
///
/// If /proc or a library cannot be read.
pub fn loaded_libraries(part: &str) -> Result<Vec<ProgramRecord>, Error> {
    let maps = std::fs::read_to_string("/proc/self/maps")
        .map_err(|error| Error::failed("reading /proc/self/maps", error))?;
    let mut paths: Vec<&Path> = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])))
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            name.is_some_and(|name| name.contains(part) && name.contains(".so"))
        })
        .collect();
    paths.dedup();
    paths
        .into_iter()
        .map(|path| of_file("engine library", path))
        .collect()
}

/// Running programs with the file name `name`, such as a daemon, once per content. Processes that this user cannot read
/// are left out.
///
/// # Errors
///
/// If /proc cannot be read.
pub fn running(role: &str, name: &str) -> Result<Vec<ProgramRecord>, Error> {
    let processes = std::fs::read_dir("/proc")
        .map_err(|error| Error::failed("reading /proc", error))?
        .flatten();
    let mut found: Vec<ProgramRecord> = Vec::new();
    for process in processes {
        let executable = process.path().join("exe");
        let target = std::fs::read_link(&executable).unwrap_or_default();
        if target.file_name().is_none_or(|file| file != name) {
            continue;
        }
        // It has exited or is not readable by this user.
        let Ok(mut program) = of_file(role, &executable) else {
            continue;
        };
        name.clone_into(&mut program.name);
        if !found.contains(&program) {
            found.push(program);
        }
    }
    Ok(found)
}

/// The first program with this name on PATH, if any.
///
/// # Errors
///
/// If it cannot be read.
pub fn on_path(role: &str, name: &str) -> Result<Option<ProgramRecord>, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = found.into_iter().find(|file| file.is_file());
    found.map(|file| of_file(role, &file)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_content() -> Result<(), Error> {
        let folder =
            tempfile::tempdir().map_err(|error| Error::failed("making a folder", error))?;
        let path = folder.path().join("runner");
        std::fs::write(&path, "abc").map_err(|error| Error::failed("writing", error))?;
        let program = of_file("runner", &path)?;
        assert_eq!(
            (program.role.as_str(), program.name.as_str()),
            ("runner", "runner")
        );
        // The example of FIPS 180-4.
        assert_eq!(
            program.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let gone = of_file("runner", &folder.path().join("gone"));
        assert!(gone.is_err_and(|error| error.to_string().contains("hashing runner")));
        Ok(())
    }

    #[test]
    fn an_adapter_and_its_libraries_are_found() -> Result<(), Error> {
        assert_eq!(this_adapter()?.role, "adapter");
        assert!(!loaded_libraries("libc")?.is_empty());
        Ok(())
    }
}
