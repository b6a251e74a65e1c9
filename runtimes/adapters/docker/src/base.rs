//! A distribution's root file system below a workload's program, as in typical images.
//!
//! `scripts/debian-image` makes it without a registry. It loads it into the engine as a separate image, so that all
//! images based on it share the layer, and keeps the archive for starts that must load everything (L6).

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bollard::Docker;
use plimsoll_adapter::image::{self, append_entry};
use sha2::{Digest, Sha256};

use crate::engine::{self, Unusable};
use crate::failure::{SAY, bounded};

/// The image that `scripts/debian-image` loads into the engine.
const NAME: &str = "plimsoll-base/debian:latest";
/// Path of its archive in the cache folder; the file with the added extension contains its SHA-256.
const ARCHIVE: &str = "plimsoll/debian/rootfs.tar";
const DIGEST: &str = "tar.sha256";

/// A root file system as the only layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Tar archive of the root file system.
    pub(crate) archive: PathBuf,
    /// Bytes placed before the archive in the layer, to make it differ from the engine's layer.
    pub(crate) before: Vec<u8>,
    /// SHA-256 of the layer in hexadecimal.
    pub(crate) digest: String,
}

impl Base {
    /// The root file system that the engine has.
    ///
    /// # Errors
    ///
    /// If the engine has none, the archive is not where the script writes it, or the engine's image comes from another
    /// archive.
    pub(crate) async fn find(docker: &Docker) -> Result<Self, Unusable> {
        let asking = docker.inspect_image(NAME);
        let found = match bounded("looking for the Debian image", SAY, asking).await {
            Ok(found) => found,
            Err(failure) if engine::is_missing(&failure) => return Err(Unusable::NoBase),
            Err(failure) => return Err(Unusable::BaseUnknown(failure)),
        };
        let layers = found.root_fs.and_then(|root| root.layers);
        let digest = match layers.as_deref() {
            Some([layer]) => layer.strip_prefix("sha256:").map(str::to_owned),
            _ => None,
        };
        let archive = archive().filter(|archive| archive.is_file());
        let (Some(digest), Some(archive)) = (digest, archive) else {
            return Err(Unusable::NoBase);
        };
        // The script stores the hash, because hashing takes as long as a start.
        match fs::read_to_string(archive.with_extension(DIGEST)) {
            Ok(hashed) if hashed.split_whitespace().next() == Some(&digest) => Ok(Base {
                archive,
                before: Vec::new(),
                digest,
            }),
            _ => Err(Unusable::OtherBase(archive)),
        }
    }

    /// The same root file system in a layer that no engine has, because it contains this name.
    ///
    /// # Errors
    ///
    /// If the archive cannot be read.
    pub(crate) fn anew(&self, name: &str) -> io::Result<Self> {
        let mut before = tar::Builder::new(Vec::new());
        let regular = tar::EntryType::Regular;
        append_entry(
            &mut before,
            regular,
            ".plimsoll-base",
            0o644,
            name.as_bytes(),
        )?;
        // Omits the end-of-archive blocks, because the base follows.
        let before = before.get_ref().clone();
        let mut hash = Sha256::new();
        hash.update(&before);
        let mut archive = File::open(&self.archive)?;
        let mut piece = vec![0; 1 << 20];
        loop {
            match archive.read(&mut piece)? {
                0 => break,
                read => hash.update(&piece[..read]),
            }
        }
        Ok(Base {
            archive: self.archive.clone(),
            before,
            digest: hex::encode(hash.finalize()),
        })
    }

    /// The layer's path in an image archive.
    pub(crate) fn layer_name(&self) -> String {
        image::layer_name(&self.digest)
    }

    /// The bytes before and after the layer's content in an image archive.
    ///
    /// # Errors
    ///
    /// If the archive's metadata cannot be read.
    pub(crate) fn around(&self) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let bytes = self.before.len() as u64 + self.archive.metadata()?.len();
        let mut header = tar::Header::new_gnu();
        header.set_path(self.layer_name())?;
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(bytes);
        header.set_cksum();
        let mut before = header.as_bytes().to_vec();
        before.extend_from_slice(&self.before);
        let after = usize::try_from(bytes.next_multiple_of(BLOCK) - bytes).unwrap_or(0);
        Ok((before, vec![0; after]))
    }
}

/// Block size of tar archives (POSIX, pax).
const BLOCK: u64 = 512;

fn archive() -> Option<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => Path::new(&env::var_os("HOME")?).join(".cache"),
    };
    Some(cache.join(ARCHIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_made_anew_is_another_one_with_the_same_files_and_one_more() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let archive = folder.path().join("rootfs.tar");
        let mut root = tar::Builder::new(File::create(&archive)?);
        append_entry(
            &mut root,
            tar::EntryType::Regular,
            "etc/issue",
            0o644,
            b"here\n",
        )?;
        root.into_inner()?;
        let base = Base {
            archive: archive.clone(),
            before: Vec::new(),
            digest: hex::encode(Sha256::digest(std::fs::read(&archive)?)),
        };
        let (one, two) = (base.anew("one")?, base.anew("two")?);
        assert!(one.digest != two.digest && one.digest != base.digest);

        // The layer must come out of an archive complete, with its digest.
        let (before, after) = one.around()?;
        let mut whole = before;
        whole.extend(std::fs::read(&archive)?);
        whole.extend(after);
        whole.extend([0; 1024]);
        let mut outer = tar::Archive::new(whole.as_slice());
        let mut entry = outer.entries()?.next().expect("one entry")?;
        assert_eq!(entry.path()?.to_str(), Some(one.layer_name().as_str()));
        let mut layer = Vec::new();
        entry.read_to_end(&mut layer)?;
        assert_eq!(hex::encode(Sha256::digest(&layer)), one.digest);
        let mut inner = tar::Archive::new(layer.as_slice());
        let names: Vec<String> = inner
            .entries()?
            .map(|entry| Ok(entry?.path()?.display().to_string()))
            .collect::<io::Result<_>>()?;
        assert_eq!(names, [".plimsoll-base", "etc/issue"]);
        Ok(())
    }
}
