//! Stored modules with their behaviour, `NAME.wasm` and `NAME.txt`, which keel's tests replay without another engine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folder of the corpus.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../keel/tests/corpus")
}

/// The modules of a folder, sorted by name.
///
/// # Errors
/// If the folder cannot be read.
pub fn modules(folder: &Path) -> Result<Vec<PathBuf>> {
    let reading = || format!("reading {}", folder.display());
    let mut modules = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            modules.push(path);
        }
    }
    modules.sort();
    Ok(modules)
}

/// Stores a module and its behaviour; returns its path.
///
/// # Errors
/// If it cannot be written.
pub fn keep(folder: &Path, name: &str, wasm: &[u8], text: &str) -> Result<PathBuf> {
    let path = folder.join(name).with_extension("wasm");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, wasm))
        .and_then(|()| std::fs::write(path.with_extension("txt"), text))
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
