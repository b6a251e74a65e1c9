//! Compresses a text with Zstandard and decompresses it again, which must give the text back. How
//! long the compressed form is is not printed: it may differ between 32 and 64 bit.

use std::process::ExitCode;

const LEVEL: i32 = 3; // Zstandard's own default

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zstd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    println!("zstd");
    let path = std::env::args().nth(1).ok_or("no file is named")?;
    let text = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let compressed = zstd::bulk::compress(&text, LEVEL).map_err(|error| error.to_string())?;
    let back =
        zstd::bulk::decompress(&compressed, text.len()).map_err(|error| error.to_string())?;
    if back != text {
        return Err("what was compressed does not come back".to_owned());
    }
    if compressed.len() > text.len() / 2 {
        return Err(format!("{} bytes became {}", text.len(), compressed.len()));
    }
    // FNV-1a over what came back.
    let digest = back.iter().fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    println!("{} bytes back, {digest:016x}", back.len());
    Ok(())
}
