//! Where things are: the checkout's root and the one directory everything is built into.

use std::env;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The file whose presence makes a directory the root of a checkout.
const MARK: &str = "workloads/workloads.toml";

/// Why no checkout could be found.
#[derive(Debug, Error)]
pub enum CheckoutError {
    /// `PLIMSOLL_ROOT` names a directory without workloads.
    #[error("PLIMSOLL_ROOT is {0}, which has no {MARK}; point it at a checkout of plimsoll")]
    WrongRoot(PathBuf),
    /// Neither the working directory nor the place of the build is inside a checkout.
    #[error(
        "found no {MARK} here or above; change into a checkout of plimsoll or set PLIMSOLL_ROOT"
    )]
    NotFound,
    /// The working directory cannot be told.
    #[error("cannot tell the working directory: {0}")]
    WorkingDirectory(std::io::Error),
}

/// A checkout of the project and the directory its programs are built into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The directory that holds `workloads/`, `runtimes/` and `scripts/`, absolute.
    pub root: PathBuf,
    /// `CARGO_TARGET_DIR`, or `target/` of the root; absolute.
    pub target: PathBuf,
}

impl Checkout {
    /// Finds the checkout: `PLIMSOLL_ROOT`, else the working directory or the nearest above it
    /// that is one, else the one this program was built in.
    ///
    /// # Errors
    /// [`CheckoutError`] if there is none.
    pub fn find() -> Result<Self, CheckoutError> {
        let here = env::current_dir().map_err(CheckoutError::WorkingDirectory)?;
        let root = match env::var_os("PLIMSOLL_ROOT") {
            Some(named) => {
                let named = here.join(named);
                if !named.join(MARK).is_file() {
                    return Err(CheckoutError::WrongRoot(named));
                }
                named
            }
            None => here
                .ancestors()
                .chain(Path::new(env!("CARGO_MANIFEST_DIR")).parent())
                .find(|directory| directory.join(MARK).is_file())
                .ok_or(CheckoutError::NotFound)?
                .to_owned(),
        };
        let root = root.canonicalize().unwrap_or(root);
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(named) if !named.is_empty() => here.join(named),
            _ => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The table of adapters.
    pub fn targets_toml(&self) -> PathBuf {
        self.root.join("runtimes/targets.toml")
    }

    /// The folder of workloads.
    pub fn workloads(&self) -> PathBuf {
        self.root.join("workloads")
    }

    /// The folder of native binaries, each with a `.json` beside it.
    pub fn native_binaries(&self) -> PathBuf {
        self.target.join("workloads/native")
    }

    /// The folder that runs land in.
    pub fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    /// The folder for what lives only as long as a run.
    pub fn scratch(&self) -> PathBuf {
        self.target.join("bench-scratch")
    }

    /// `path` as a reader in the root would write it.
    pub fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
