//! Where the project's files are: a checkout, whose programs cargo builds, or a bundle, which holds built programs.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::catalog::bundle::{BundleError, Manifest, PROGRAMS};

/// The file whose presence makes a directory the root of a checkout or a bundle.
const MARK: &str = "workloads/workloads.toml";

/// Why no checkout or bundle could be found.
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
        /// The folders that were looked at, in words.
        places: String,
    },
    /// The working directory cannot be told.
    #[error("cannot tell the working directory: {0}")]
    WorkingDirectory(std::io::Error),
    /// There is a bundle, but it cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// A checkout of the project and the directory its programs are built into, or an unpacked bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The directory that holds `workloads/`, `runtimes/` and `scripts/`, absolute.
    pub root: PathBuf,
    /// The directory of programs, laid out as cargo's: `CARGO_TARGET_DIR`, or `target/` of the root, or a bundle's
    /// programs; absolute.
    pub target: PathBuf,
    /// What the root was built from, if it is a bundle.
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

    /// Finds the project's files. `PLIMSOLL_ROOT` comes first. A `bench` that lies in a bundle uses that bundle.
    /// Otherwise the working directory or the nearest above it that is a checkout is used, then the checkout that this
    /// program was built in, then an installed bundle.
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

    /// Checks every file of a bundle by its hash; a checkout has nothing to check.
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

    /// The folder of native binaries, each with a `.json` beside it.
    pub fn native_binaries(&self) -> PathBuf {
        self.target.join("workloads/native")
    }

    /// The folder that runs land in: a bundle's are in the working directory.
    pub fn results(&self) -> PathBuf {
        match self.bundle {
            Some(_) => env::current_dir().unwrap_or_default().join("results"),
            None => self.root.join("results"),
        }
    }

    /// The folder for what lives only as long as a run. A bundle may lie where nobody can write.
    pub fn scratch(&self) -> PathBuf {
        match self.bundle {
            Some(_) => user_folder("XDG_CACHE_HOME", ".cache").join("bench-scratch"),
            None => self.target.join("bench-scratch"),
        }
    }

    /// `path` as a reader in the root would write it; with a bundle, a reader in the working directory.
    pub fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        let from = match self.bundle {
            Some(_) => env::current_dir().unwrap_or_default(),
            None => self.root.clone(),
        };
        path.strip_prefix(&from).unwrap_or(path).display()
    }
}

/// Where an installed bundle can be: beside the folder of the program, as a package puts it, and the user's own.
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
