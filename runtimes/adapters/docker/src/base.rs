//! A distribution's root file system under a workload's program: what images mostly are elsewhere.
//!
//! `scripts/debian-image` makes it, without a registry: it gives it to the engine as an image of its
//! own, so that every image with it shares the layer, and keeps the archive, so that a start which has
//! to load all of it (L6) can.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bollard::Docker;
use plimsoll_adapter::image::{self, append_entry};
use sha2::{Digest, Sha256};

use crate::engine::{self, Unusable};
use crate::failure::{SAY, bounded};

/// The image that `scripts/debian-image` gives the engine.
const NAME: &str = "plimsoll-base/debian:latest";
/// Its archive, below the cache folder; beside it, with one more ending, its SHA-256.
const ARCHIVE: &str = "plimsoll/debian/rootfs.tar";
const DIGEST: &str = "tar.sha256";

/// The root file system, as the only layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// A tar archive of it.
    pub(crate) archive: PathBuf,
    /// What comes before the archive in the layer, to make it another one than the engine has.
    pub(crate) before: Vec<u8>,
    /// SHA-256 of the layer, hexadecimal.
    pub(crate) digest: String,
}

impl Base {
    /// The root file system that the engine has.
    ///
    /// # Errors
    ///
    /// When the engine has none, its archive is not where the script leaves it, or the engine's is of
    /// another archive.
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
        // The script hashes the archive once, when it makes it: that takes as long as a start.
        match fs::read_to_string(archive.with_extension(DIGEST)) {
            Ok(hashed) if hashed.split_whitespace().next() == Some(&digest) => Ok(Base {
                archive,
                before: Vec::new(),
                digest,
            }),
            _ => Err(Unusable::OtherBase(archive)),
        }
    }

    /// The same root file system in a layer that no engine has, because of this name in it.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read.
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
        // Without what would end the archive here.
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

    /// Where an image's archive has the layer.
    pub(crate) fn layer_name(&self) -> String {
        image::layer_name(&self.digest)
    }

    /// The layer as an entry of an image's archive: what comes before its content, and what after.
    ///
    /// # Errors
    ///
    /// When the archive cannot be looked at.
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

/// Archives are made of blocks of this size (POSIX, pax).
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

        // As an entry of an archive: the layer comes out whole, with its digest.
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
