//! SHA-256 over a generated stream: integer arithmetic and rotations, a small working set, no input file.

use std::env;
use std::error::Error;

use sha2::{Digest, Sha256};

/// Fits a first-level data cache together with the hash's own state, so that hashing is what is timed.
const BLOCK_BYTES: usize = 16 * 1024;

/// The stream: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), little-endian words.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn fill(&mut self, block: &mut [u8]) {
        for word in block.chunks_exact_mut(8) {
            word.copy_from_slice(&self.next().to_le_bytes());
        }
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mebibytes: usize = env::args()
        .nth(1)
        .ok_or("usage: sha256 MEBIBYTES")?
        .parse()?;
    let mut source = SplitMix64(0);
    let mut block = vec![0; BLOCK_BYTES];
    source.fill(&mut block);
    println!("first block {}", hex(&Sha256::digest(&block)));

    let mut hash = Sha256::new();
    hash.update(&block);
    for _ in 1..mebibytes * 1024 * 1024 / BLOCK_BYTES {
        source.fill(&mut block);
        hash.update(&block);
    }
    println!("{mebibytes} MiB {}", hex(&hash.finalize()));
    Ok(())
}
