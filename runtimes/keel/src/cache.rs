//! A compilation cache in a folder.
//!
//! An entry's name is a digest of the module, the settings and the compiler, and the artefact's
//! fingerprint contains the same digest. Cached code is trusted, so the folder and each entry must
//! belong to this user and be writable by nobody else; other entries are ignored.
//! Entries are written under a temporary name and renamed, so they are complete or absent; a
//! damaged one is compiled again. Errors in the folder never make a compilation fail.

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

/// How often an entry's time of use is updated, and how long a temporary file may take to write.
const HOUR: Duration = Duration::from_secs(3600);
/// The suffix of entry names.
const ENDING: &str = ".keel";

/// A folder of compiled code, for [`Config::cache`](crate::Config::cache).
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
    /// The number of files that this process has begun to write.
    begun: AtomicU64,
}

/// The digest that names an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The key in hexadecimal, as in file names and fingerprints.
    pub(crate) fn text(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl CodeCache {
    /// Opens the cache in a folder, which is created if absent. Entries take at most `most_bytes`
    /// together; the least recently used are removed.
    ///
    /// # Errors
    /// [`Error::System`] if the folder cannot be created, belongs to another user, or is writable
    /// by another user.
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

    /// Modules found in the cache since it was opened.
    pub fn hits(&self) -> u64 {
        self.inner.hits.load(Ordering::Relaxed)
    }

    /// Modules not found in the cache since it was opened.
    pub fn misses(&self) -> u64 {
        self.inner.misses.load(Ordering::Relaxed)
    }

    /// The key of a module's code.
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

    /// The verified artefact for `key`, if there is a usable one.
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
            // The modification time orders entries for removal. If it cannot be set, this one is
            // removed earlier.
            let _ = file.set_modified(now);
        }
        let artifact = Artifact::of_file(file, found.len(), metering).ok()?;
        artifact.ensure_all().ok()?;
        (artifact.source() == key.text()).then_some(artifact)
    }

    /// Stores an artefact. Failures are ignored.
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

    /// Removes the least recently used entries until the rest fits, and abandoned temporary files.
    /// Other processes may do the same concurrently.
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

/// Whether a file or folder belongs to this user and is writable by nobody else.
fn is_ours(found: &fs::Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0
}
