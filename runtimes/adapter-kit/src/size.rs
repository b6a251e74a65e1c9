//! Sizes of files on disk and in transfer: compressed with gzip, because registries send images that way.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};

/// Bytes on disk and in transfer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Uncompressed.
    pub bytes: u64,
    /// Compressed with gzip at its default level, and verified by decompressing.
    pub compressed_bytes: u64,
}

/// Sizes of a file.
///
/// # Errors
///
/// If it cannot be read.
pub fn weigh_file(path: &Path) -> io::Result<Weight> {
    weigh(File::open(path)?)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Sizes of a file, or of all files in a folder, each compressed separately.
///
/// # Errors
///
/// If one of them cannot be read.
pub fn weigh_all(path: &Path) -> io::Result<Weight> {
    if !path.is_dir() {
        return weigh_file(path);
    }
    let mut sum = Weight::default();
    for entry in std::fs::read_dir(path)? {
        let one = weigh_all(&entry?.path())?;
        sum.bytes += one.bytes;
        sum.compressed_bytes += one.compressed_bytes;
    }
    Ok(sum)
}

/// Sizes of the content of a reader.
///
/// # Errors
///
/// If it cannot be read or does not decompress to the same bytes.
pub fn weigh(mut content: impl Read) -> io::Result<Weight> {
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes)?;
    let mut packed = Vec::new();
    GzEncoder::new(bytes.as_slice(), Compression::default()).read_to_end(&mut packed)?;
    let mut unpacked = Vec::with_capacity(bytes.len());
    GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked)?;
    if unpacked != bytes {
        return Err(io::Error::other(
            "what was compressed did not come out again",
        ));
    }
    Ok(Weight {
        bytes: bytes.len() as u64,
        compressed_bytes: packed.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_travels_light_and_what_does_not_does_not() -> io::Result<()> {
        let same = weigh([7_u8; 100_000].as_slice())?;
        assert_eq!(same.bytes, 100_000);
        assert!(same.compressed_bytes < 1_000, "{same:?}");
        // A linear congruential generator (Knuth, MMIX): gzip finds nothing to compress.
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(100_000)
        .collect();
        let noise = weigh(noise.as_slice())?;
        assert!(noise.compressed_bytes > 99_000, "{noise:?}");
        Ok(())
    }
}
