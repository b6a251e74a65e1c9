//! Counts the words of a text, as Rust's standard library has it done.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

fn digested(digest: u32, text: &[u8]) -> u32 {
    text.iter().fold(digest, |digest, byte| {
        (digest ^ u32::from(*byte)).wrapping_mul(16_777_619)
    })
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot count the words: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    println!("words");
    let path = std::env::args().nth(1).unwrap_or_default();
    let text = std::fs::read_to_string(path)?.to_ascii_lowercase();

    let mut counts: HashMap<&str, u32> = HashMap::new();
    let mut total = 0;
    for word in text.split(|c: char| !c.is_ascii_lowercase()) {
        if !word.is_empty() {
            *counts.entry(word).or_default() += 1;
            total += 1;
        }
    }

    let mut words: Vec<(&str, u32)> = counts.into_iter().collect();
    words.sort_unstable();
    let mut digest = 2_166_136_261;
    let mut longest = "";
    for (letters, count) in &words {
        if letters.len() > longest.len() {
            longest = letters;
        }
        digest = digested(digest, letters.as_bytes());
        digest = digested(digest, format!(" {count}\n").as_bytes());
    }
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(
        out,
        "{total} words, {} distinct, the longest is {longest}",
        words.len()
    )?;
    words.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    for (letters, count) in words.iter().take(10) {
        writeln!(out, "{letters} {count}")?;
    }
    writeln!(out, "{digest:08x}")?;
    out.flush()
}
