//! Checks that results can be written, before anything is built or measured for them.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use crate::exit::Usage;

/// Checks that files can be made in `directory`, which is made for the check if it is missing.
///
/// # Errors
/// [`Usage`] if not.
pub fn folder(directory: &Path) -> Result<(), Usage> {
    let was_there = directory.is_dir();
    let tried = fs::create_dir_all(directory).and_then(|()| {
        let path = directory.join(".writable");
        fs::write(&path, "")?;
        fs::remove_file(path)
    });
    if !was_there {
        let _ = fs::remove_dir(directory);
    }
    tried.map_err(|error| {
        Usage(format!(
            "cannot write to {}: {error}; nothing was measured; name another folder with --out",
            directory.display()
        ))
    })
}

/// Checks that `file` can be written; an existing one keeps its content.
///
/// # Errors
/// [`Usage`] if its folder does not exist, if it is a folder itself, or if the system refuses.
pub fn file(file: &Path) -> Result<(), Usage> {
    let shown = file.display();
    let parent = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !parent.is_dir() {
        return Err(Usage(format!(
            "cannot write {shown}: {} is not a folder; create it first",
            parent.display()
        )));
    }
    if file.is_dir() {
        return Err(Usage(format!(
            "cannot write {shown}: it is a folder; name a file"
        )));
    }
    let was_there = file.symlink_metadata().is_ok();
    let opened = OpenOptions::new().create(true).append(true).open(file);
    let refused = |error: io::Error| {
        Usage(format!(
            "cannot write {shown}: {error}; nothing was measured; name another file"
        ))
    };
    opened.map_err(refused)?;
    if !was_there {
        let _ = fs::remove_file(file);
    }
    Ok(())
}
