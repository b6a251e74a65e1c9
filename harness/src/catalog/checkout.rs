//! Locates the project's files: a checkout, with programs built by cargo, or a bundle of built
//! programs.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::catalog::bundle::{BundleError, Manifest, PROGRAMS};

/// The file that marks the root of a checkout or a bundle.
const MARK: &str = "workloads/workloads.toml";

/// Why no checkout or bundle was found.
#[derive(Debug, Error)]
pub enum CheckoutError {
    /// `PLIMSOLL_ROOT` names a directory without workloads.
    #[error(
        "PLIMSOLL_ROOT is {0}, which has no {MARK}; point it at a checkout of plimsoll or an unpacked bundle"
    )]
    WrongRoot(PathBuf),
    /// Neither the working directory nor any other known place has the data.
    #[error(
        "bench finds no data: there is no {MARK} here or above, and none in {places}. Unpack a bundle (`bench \
         bundle` in a checkout makes one) and run the bench in it, or set PLIMSOLL_ROOT to a checkout or bundle"
    )]
    NotFound {
        /// The folders searched.
        places: String,
    },
    /// The working directory cannot be determined.
    #[error("cannot tell the working directory: {0}")]
    WorkingDirectory(std::io::Error),
    /// The bundle is unusable.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// A checkout with its build directory, or an unpacked bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The directory that holds `workloads/`, `runtimes/` and `scripts/`, absolute.
    pub root: PathBuf,
    /// The directory of built programs, in cargo's layout: `CARGO_TARGET_DIR`, `target/` of the
    /// root, or the bundle's programs; absolute.
    pub target: PathBuf,
    /// The manifest of a bundle; `None` for a checkout.
    pub bundle: Option<Arc<Manifest>>,
}

impl Checkout {
    /// A checkout with its build directory.
    pub fn at(root: PathBuf, target: PathBuf) -> Self {
        Self {
            root,
            target,
            bundle: None,
        }
    }

    /// Finds the project's files, in this order: `PLIMSOLL_ROOT`, the bundle that contains this
    /// program, the nearest checkout at or above the working directory, the checkout that this
    /// program was built in, an installed bundle.
    ///
    /// # Errors
    /// [`CheckoutError`] if there is none, or if it is a damaged bundle.
    pub fn find() -> Result<Self, CheckoutError> {
        let here = env::current_dir().map_err(CheckoutError::WorkingDirectory)?;
        if let Some(named) = env::var_os("PLIMSOLL_ROOT") {
            let named = here.join(named);
            return match named.join(MARK).is_file() || Manifest::is_in(&named) {
                true => Self::of(&named, &here),
                false => Err(CheckoutError::WrongRoot(named)),
            };
        }
        let program = env::current_exe().and_then(|program| program.canonicalize());
        let program = program.unwrap_or_default();
        let around = program.ancestors().skip(1);
        if let Some(bundle) = around.clone().find(|folder| Manifest::is_in(folder)) {
            return Self::of(bundle, &here);
        }
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let mut above = here.ancestors().chain(built_in);
        if let Some(root) = above.find(|folder| folder.join(MARK).is_file()) {
            return Self::of(root, &here);
        }
        let installed = installed(&program);
        match installed.iter().find(|folder| Manifest::is_in(folder)) {
            Some(bundle) => Self::of(bundle, &here),
            None => Err(CheckoutError::NotFound {
                places: built_in
                    .into_iter()
                    .chain(installed.iter().map(PathBuf::as_path))
                    .map(|folder| folder.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    fn of(root: &Path, here: &Path) -> Result<Self, CheckoutError> {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        if Manifest::is_in(&root) {
            let bundle = Some(Arc::new(Manifest::read(&root)?));
            let target = root.join(PROGRAMS);
            return Ok(Self {
                root,
                target,
                bundle,
            });
        }
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(named) if !named.is_empty() => here.join(named),
            _ => root.join("target"),
        };
        Ok(Self::at(root, target))
    }

    /// Checks every file of a bundle by its hash; does nothing for a checkout.
    ///
    /// # Errors
    /// [`BundleError::Damaged`].
    pub fn verify(&self) -> Result<(), BundleError> {
        match &self.bundle {
            Some(bundle) => bundle.verify(&self.root),
            None => Ok(()),
        }
    }

    /// The table of adapters.
    pub fn targets_toml(&self) -> PathBuf {
        self.root.join("runtimes/targets.toml")
    }

    /// The folder of workloads.
    pub fn workloads(&self) -> PathBuf {
        self.root.join("workloads")
    }

    /// The folder of native binaries, each with a `.json` record next to it.
    pub fn native_binaries(&self) -> PathBuf {
        self.target.join("workloads/native")
    }

    /// The default folder for runs; with a bundle, in the working directory.
    pub fn results(&self) -> PathBuf {
        match self.bundle {
            Some(_) => env::current_dir().unwrap_or_default().join("results"),
            None => self.root.join("results"),
        }
    }

    /// The folder for files that last only as long as a run; outside a bundle, which may be
    /// read-only.
    pub fn scratch(&self) -> PathBuf {
        match self.bundle {
            Some(_) => user_folder("XDG_CACHE_HOME", ".cache").join("bench-scratch"),
            None => self.target.join("bench-scratch"),
        }
    }

    /// `path` relative to the root, or to the working directory with a bundle.
    pub fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        let from = match self.bundle {
            Some(_) => env::current_dir().unwrap_or_default(),
            None => self.root.clone(),
        };
        path.strip_prefix(&from).unwrap_or(path).display()
    }
}

/// Places of an installed bundle: beside the program's folder, as packages install it, and the
/// user's own.
fn installed(program: &Path) -> Vec<PathBuf> {
    let prefix = program.parent().and_then(Path::parent);
    let own = user_folder("XDG_DATA_HOME", ".local/share");
    prefix
        .map(|prefix| prefix.join("lib/plimsoll"))
        .into_iter()
        .chain([own])
        .collect()
}

/// The project's folder among the user's files of one kind.
fn user_folder(variable: &str, below_home: &str) -> PathBuf {
    let named = |name| env::var_os(name).filter(|value| !value.is_empty());
    match (named(variable), named("HOME")) {
        (Some(folder), _) => PathBuf::from(folder).join("plimsoll"),
        (None, Some(home)) => Path::new(&home).join(below_home).join("plimsoll"),
        (None, None) => env::temp_dir().join("plimsoll"),
    }
}
