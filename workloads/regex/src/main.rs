//! Searches real prose with the kinds of pattern that logs and texts are searched with: literals,
//! alternations, captures, Unicode classes and word boundaries.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;

use regex::Regex;

/// Counted by walking every match. The names say what each asks of the engine.
const SEARCHES: [(&str, &str); 7] = [
    ("literal", "Pemberley"),
    (
        "alternation",
        "Elizabeth|Darcy|Knightley|Wentworth|Dashwood|Tilney",
    ),
    ("suffix", r"[A-Za-z]+ness\b"),
    ("unicode word", r"\b\p{Lu}\p{Ll}+\s+\p{Lu}\p{Ll}+\b"),
    ("quoted question", r#""[^"?!]{10,200}\?""#),
    (
        "case-insensitive",
        r"(?i)\b(?:letter|carriage|parsonage)s?\b",
    ),
    ("heading", r"(?mi)^chapter\s+(?:[ivxlc]+|\d+)\.?$"),
];

/// FNV-1a, 64 bit, over the offsets of the matches: the same matches, not only as many.
fn fnv1a(hash: u64, offset: usize) -> u64 {
    (offset as u64)
        .to_le_bytes()
        .iter()
        .fold(hash, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

/// Everything that is compiled before the text is read.
struct Patterns {
    searches: Vec<(&'static str, Regex)>,
    titled: Regex,
    line_break: Regex,
}

impl Patterns {
    fn compiled() -> Result<Self, regex::Error> {
        let searches = SEARCHES.map(|(name, pattern)| Ok((name, Regex::new(pattern)?)));
        Ok(Self {
            searches: searches.into_iter().collect::<Result<_, regex::Error>>()?,
            titled: Regex::new(r"\b(Mr|Mrs|Miss|Lady|Sir|Captain|Colonel)\.?\s+([A-Z][a-z]+)")?,
            line_break: Regex::new(r"\s*\n\s*")?,
        })
    }
}

thread_local! {
    /// What a snapshot of the initialised module starts with; `None` without one.
    static READY: Cell<Option<Patterns>> = const { Cell::new(None) };
}

/// Runs before a snapshot is taken.
#[cfg(target_os = "wasi")]
#[unsafe(export_name = "wizer-initialize")]
extern "C" fn initialise() {
    READY.set(Some(
        Patterns::compiled().expect("the patterns are constants"),
    ));
}

fn main() -> Result<(), Box<dyn Error>> {
    let patterns = match READY.take() {
        Some(patterns) => patterns,
        None => Patterns::compiled()?,
    };
    let path = env::args().nth(1).ok_or("usage: regex TEXT")?;
    let text = fs::read_to_string(&path).map_err(|error| format!("reading {path}: {error}"))?;
    println!("read {} bytes", text.len());

    for (name, search) in &patterns.searches {
        let mut matches = 0;
        let mut hash = 0xcbf2_9ce4_8422_2325;
        for found in search.find_iter(&text) {
            matches += 1;
            hash = fnv1a(fnv1a(hash, found.start()), found.end());
        }
        println!("{name}: {matches} matches, {hash:016x}");
    }

    let mut people = BTreeMap::<(&str, &str), usize>::new();
    for found in patterns.titled.captures_iter(&text) {
        let (_, [title, name]) = found.extract();
        *people.entry((title, name)).or_default() += 1;
    }
    let mut ranked: Vec<_> = people.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    println!("{} people", ranked.len());
    for ((title, name), times) in ranked.iter().take(8) {
        println!("{title} {name}: {times}");
    }

    let joined = patterns.line_break.replace_all(&text, " ");
    println!("joined lines: {} bytes", joined.len());
    Ok(())
}
