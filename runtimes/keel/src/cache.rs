//! Compiled code that is kept in a folder, so that a module which was compiled once is not compiled again.
//!
//! An entry's name is a digest of the module, of the settings and of the compiler; the same digest
//! is part of what its artefact is bound to. Code from the folder is run as it is, so the folder and each entry must
//! be this user's alone; what is not is not used. An entry is written under another name and then renamed, whole or
//! not at all; a damaged one is compiled again. Nothing that goes wrong with the folder makes compiling fail.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use crate::artifact::Artifact;
use crate::artifact::fingerprint::SETTINGS;
use crate::artifact::format::FORMAT_VERSION;
use crate::engine::Config;
use crate::error::{Error, Result};

/// How long an entry stays as it is although it is used, and what was being written may take.
const HOUR: Duration = Duration::from_secs(3600);
/// How entries' names end.
const ENDING: &str = ".keel";

/// A folder with compiled code: see [`Config::cache`](crate::Config::cache).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "wat")] {
/// # let folder = std::env::temp_dir().join(format!("keel-cache-{}", std::process::id()));
/// let cache = keel::CodeCache::open(&folder, 64 << 20)?;
/// let engine = keel::Engine::new(keel::Config::new().cache(cache.clone()));
/// for _ in 0..2 {
///     keel::Module::new(&engine, b"(module (func))")?;
/// }
/// assert_eq!((cache.hits(), cache.misses()), (1, 1));
/// # std::fs::remove_dir_all(&folder)?;
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CodeCache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    most_bytes: u64,
    hits: AtomicU64,
    misses: AtomicU64,
    /// Files that this process has begun to write.
    begun: AtomicU64,
}

/// A digest that names an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// As it stands in file names and fingerprints.
    pub(crate) fn text(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl CodeCache {
    /// The cache in a folder, which is made if it is not there. Its entries together take `most_bytes`; those that
    /// were used longest ago make room.
    ///
    /// # Errors
    /// [`Error::System`] if the folder cannot be made, or belongs to or can be written by another user.
    pub fn open(folder: impl AsRef<Path>, most_bytes: u64) -> Result<CodeCache> {
        let folder = folder.as_ref();
        let system = |source| Error::System {
            what: format!("opening the code cache {}", folder.display()),
            source,
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(folder).map_err(system)?;
        let found = fs::metadata(folder).map_err(system)?;
        if !is_ours(&found) {
            return Err(system(io::Error::other(
                "it belongs to another user, or others may write in it: give a folder of mode 0700",
            )));
        }
        Ok(CodeCache {
            inner: Arc::new(Inner {
                folder: folder.to_owned(),
                most_bytes,
                hits: AtomicU64::new(0),
                misses: AtomicU64::new(0),
                begun: AtomicU64::new(0),
            }),
        })
    }

    /// Modules that were found, since the cache was opened.
    pub fn hits(&self) -> u64 {
        self.inner.hits.load(Ordering::Relaxed)
    }

    /// Modules that were not found.
    pub fn misses(&self) -> u64 {
        self.inner.misses.load(Ordering::Relaxed)
    }

    /// What names a module's code.
    pub(crate) fn key(config: &Config, wasm: &[u8]) -> Key {
        let mut digest = Sha256::new();
        let settings = SETTINGS.map(|(name, value)| format!("{name}={value}"));
        let described = format!(
            "{} {FORMAT_VERSION} {} {:?} {} {:?} {} {}\n",
            env!("CARGO_PKG_VERSION"),
            cranelift_codegen::VERSION,
            config.features,
            config.cpu,
            config.fuel,
            env!("KEEL_SOURCES"),
            settings.join(" "),
        );
        digest.update(described);
        digest.update(wasm);
        Key(digest.finalize().into())
    }

    /// The artefact of a key, whole and checked, if there is one that can be used.
    pub(crate) fn find(&self, key: Key, metering: u32) -> Option<Artifact> {
        let found = self.open_entry(key, metering);
        let counter = match found {
            Some(_) => &self.inner.hits,
            None => &self.inner.misses,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn open_entry(&self, key: Key, metering: u32) -> Option<Artifact> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(self.entry(key))
            .ok()?;
        let found = file.metadata().ok()?;
        if !found.is_file() || !is_ours(&found) {
            return None;
        }
        let now = SystemTime::now();
        if found.modified().is_ok_and(|then| then + HOUR < now) {
            // For the order in which entries make room. Without it this one is only forgotten sooner.
            let _ = file.set_modified(now);
        }
        let artifact = Artifact::of_file(file, found.len(), metering).ok()?;
        artifact.ensure_all().ok()?;
        (artifact.source() == key.text()).then_some(artifact)
    }

    /// Keeps an artefact, if that is possible.
    pub(crate) fn keep(&self, key: Key, artifact: &[u8]) {
        if artifact.len() as u64 > self.inner.most_bytes {
            return;
        }
        let number = self.inner.begun.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.{}-{number}", key.text(), std::process::id());
        let begun = self.inner.folder.join(name);
        let written =
            write_new(&begun, artifact).and_then(|()| fs::rename(&begun, self.entry(key)));
        if written.is_err() {
            let _ = fs::remove_file(&begun);
        }
        self.make_room();
    }

    fn entry(&self, key: Key) -> PathBuf {
        self.inner.folder.join(key.text() + ENDING)
    }

    /// Removes the entries that were used longest ago, until the rest takes no more than it may, and what nobody
    /// has finished writing. Other processes may do the same at the same time.
    fn make_room(&self) {
        let Ok(listed) = fs::read_dir(&self.inner.folder) else {
            return;
        };
        let (mut entries, mut total) = (Vec::new(), 0);
        for file in listed.flatten() {
            let Ok(found) = file.metadata() else { continue };
            let used = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if file.file_name().to_string_lossy().ends_with(ENDING) {
                total += found.len();
                entries.push((used, found.len(), file.path()));
            } else if found.is_file() && used + HOUR < SystemTime::now() {
                let _ = fs::remove_file(file.path());
            }
        }
        entries.sort();
        for (_, length, path) in entries {
            if total <= self.inner.most_bytes {
                break;
            }
            let _ = fs::remove_file(path);
            total -= length;
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file: File = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

/// Whether a file or folder is this user's, and nobody else can write it.
fn is_ours(found: &fs::Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0
}
