//! A bundle: one folder with everything that `bench` needs at run time, without compiler, checkout or
//! network. Its `bundle.json` records its origin and the hash of every file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::catalog::workloads::sha256;

/// The file that marks a bundle.
pub const MANIFEST: &str = "bundle.json";

/// The folder of programs, in the layout of cargo's build directory.
pub const PROGRAMS: &str = "programs";

const SCHEMA: &str = "plimsoll.bundle/1";

/// What to do about a damaged bundle.
const REMEDY: &str = "unpack the archive again; if that fails too, fetch it again";

/// What is wrong with a bundle.
#[derive(Debug, Error)]
pub enum BundleError {
    /// `bundle.json` cannot be read.
    #[error("cannot read {path}: {source}; {REMEDY}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// `bundle.json` does not have the expected shape.
    #[error("{path} is damaged or of another version ({why}); {REMEDY}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Position and cause of the error.
        why: String,
    },
    /// Files are missing, truncated or changed.
    #[error("the bundle in {root} is damaged: {} of its files, the first {first}; {REMEDY}", .count)]
    Damaged {
        /// Its folder.
        root: PathBuf,
        /// The number of damaged files.
        count: usize,
        /// The first of them and its damage.
        first: String,
    },
}

/// The origin and the files of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    schema: String,
    /// Version of `bench`.
    pub version: String,
    /// The commit of the checkout; `None` outside a git repository.
    pub commit: Option<String>,
    /// Whether the checkout had uncommitted changes.
    pub dirty: bool,
    /// When it was built, RFC 3339.
    pub built: String,
    /// The C library that its programs need, for example `2.36`; `None` if they need none.
    pub glibc: Option<String>,
    /// Ids of the adapters in it.
    pub adapters: Vec<String>,
    /// Every file except this one.
    pub files: Vec<Listed>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Relative to the bundle's folder.
    pub path: PathBuf,
    /// Size of the whole file.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// A manifest without files.
    pub fn new(commit: Option<String>, dirty: bool, built: String) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit,
            dirty,
            built,
            glibc: None,
            adapters: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Whether `folder` is a bundle.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(MANIFEST).is_file()
    }

    /// Reads the manifest of the bundle in `root`, and checks that every file exists with its full size.
    ///
    /// # Errors
    /// [`BundleError`] with what to do.
    pub fn read(root: &Path) -> Result<Self, BundleError> {
        let path = root.join(MANIFEST);
        let bytes = fs::read(&path).map_err(|source| BundleError::Io {
            path: path.clone(),
            source,
        })?;
        let manifest: Self =
            serde_json::from_slice(&bytes).map_err(|error| BundleError::Malformed {
                path: path.clone(),
                why: error.to_string(),
            })?;
        if manifest.schema != SCHEMA {
            let why = format!("schema {:?}, expected {SCHEMA:?}", manifest.schema);
            return Err(BundleError::Malformed { path, why });
        }
        manifest.look(root, |file, path| match fs::metadata(path) {
            Err(error) => Some(format!("{}: {error}", file.path.display())),
            Ok(found) if found.len() != file.bytes => Some(format!(
                "{}: {} bytes of {}",
                file.path.display(),
                found.len(),
                file.bytes
            )),
            Ok(_) => None,
        })?;
        Ok(manifest)
    }

    /// Checks the hash of every file.
    ///
    /// # Errors
    /// [`BundleError::Damaged`].
    pub fn verify(&self, root: &Path) -> Result<(), BundleError> {
        self.look(root, |file, path| match fs::read(path) {
            Err(error) => Some(format!("{}: {error}", file.path.display())),
            Ok(bytes) if sha256(&bytes) != file.sha256 => {
                Some(format!("{}: its hash differs", file.path.display()))
            }
            Ok(_) => None,
        })
    }

    fn look(
        &self,
        root: &Path,
        wrong: impl Fn(&Listed, &Path) -> Option<String>,
    ) -> Result<(), BundleError> {
        let files = self.files.iter();
        let mut found = files.filter_map(|file| wrong(file, &root.join(&file.path)));
        match found.next() {
            None => Ok(()),
            Some(first) => Err(BundleError::Damaged {
                root: root.to_owned(),
                count: 1 + found.count(),
                first,
            }),
        }
    }

    /// A description of its origin: `commit 0b6da51 with changes, 2026-12-01T04:40:00Z`.
    pub fn origin(&self) -> String {
        let commit = match &self.commit {
            Some(commit) => format!("commit {}", commit.get(..12).unwrap_or(commit)),
            None => "no commit".to_owned(),
        };
        let dirty = if self.dirty { " with changes" } else { "" };
        format!("{commit}{dirty}, {}", self.built)
    }
}

/// The newest C library version that an executable requires, as `[2, 36]`; `None` if it is static.
pub fn glibc_needed(program: &[u8]) -> Option<[u32; 2]> {
    const NAME: &[u8] = b"GLIBC_2.";
    let at = program
        .windows(NAME.len())
        .enumerate()
        .filter(|(_, window)| *window == NAME)
        .filter_map(|(at, _)| {
            let rest = &program[at + NAME.len()..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            // A version name ends there or continues with a dot: `GLIBC_2.2.5`.
            let ends = matches!(rest.get(digits), Some(0 | b'.'));
            let minor = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
            ends.then_some([2, minor])
        });
    at.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> (tempfile::TempDir, Manifest) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "xyz").unwrap();
        let mut manifest = Manifest::new(Some("0123456789abcdef".into()), true, "then".into());
        manifest.files.push(Listed {
            path: "a".into(),
            bytes: 3,
            sha256: sha256(b"xyz"),
        });
        let text = serde_json::to_string(&manifest).unwrap();
        fs::write(folder.path().join(MANIFEST), text).unwrap();
        (folder, manifest)
    }

    #[test]
    fn a_cut_file_is_found_by_its_size_and_a_changed_one_by_its_hash() {
        let (folder, manifest) = bundle();
        let root = folder.path();
        assert_eq!(Manifest::read(root).unwrap(), manifest);
        manifest.verify(root).unwrap();
        fs::write(root.join("a"), "xyy").unwrap();
        Manifest::read(root).unwrap();
        let changed = manifest.verify(root).unwrap_err().to_string();
        assert!(changed.contains("a: its hash differs; unpack"), "{changed}");
        fs::write(root.join("a"), "x").unwrap();
        let cut = Manifest::read(root).unwrap_err().to_string();
        assert!(cut.contains("a: 1 bytes of 3; unpack"), "{cut}");
        fs::write(root.join(MANIFEST), "{").unwrap();
        let broken = Manifest::read(root).unwrap_err().to_string();
        assert!(broken.contains("damaged"), "{broken}");
    }

    #[test]
    fn the_newest_library_version_counts() {
        let program = b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.4\0GLIBC_2.99x";
        assert_eq!(glibc_needed(program), Some([2, 34]));
        assert_eq!(glibc_needed(b"static"), None);
    }

    #[test]
    fn an_origin_names_commit_and_changes() {
        let (_folder, manifest) = bundle();
        assert_eq!(manifest.origin(), "commit 0123456789ab with changes, then");
    }
}
