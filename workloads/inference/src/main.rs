//! Inference: a small convolutional network says which digits it is shown.
//!
//! ```text
//! inference WEIGHTS DIGITS ROUNDS
//! ```
//!
//! It is shown all of them so many times, as a device would see one after the other. The weights were
//! trained by ../train, on other digits than those shown. Products are added up in
//! one fixed order, so that every score is the same to the last bit, with SIMD and without.

mod model;

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use model::{CLASSES, Model, PIXELS};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [weights, digits, rounds] = &args[..] else {
        eprintln!("usage: inference WEIGHTS DIGITS ROUNDS");
        return ExitCode::from(2);
    };
    match run(weights, digits, rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inference: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(weights: &str, digits: &str, rounds: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let read = |path: &str| fs::read(path).map_err(|error| format!("reading {path}: {error}"));
    let model = Model::read(&read(weights)?).ok_or("the weights are of another network")?;
    let digits = read(digits)?;
    let rounds: usize = rounds
        .parse()
        .map_err(|_| format!("{rounds:?} is no number of rounds"))?;
    let samples = digits.chunks_exact(1 + PIXELS);
    let count = samples.len();
    print(&mut out, format_args!("{count} digits, {rounds} times"))?;

    let mut right = [0_u32; CLASSES];
    let mut shown = [0_u32; CLASSES];
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut said = String::new();
    for sample in std::iter::repeat_n(samples, rounds).flatten() {
        let (label, pixels) = (usize::from(sample[0]), &sample[1..]);
        let scores = model.scores(pixels);
        let mut class = 0;
        for (other, &score) in scores.iter().enumerate() {
            if score > scores[class] {
                class = other;
            }
            // FNV-1a, a score a step.
            digest = (digest ^ u64::from(score.to_bits())).wrapping_mul(0x100_0000_01b3);
        }
        let count = shown.get_mut(label).ok_or("a label is no digit")?;
        *count += 1;
        right[label] += u32::from(class == label);
        said.push(char::from(b'0' + class as u8));
    }
    // The first round; were another one otherwise, the counts would show it.
    for line in said.as_bytes()[..count.min(said.len())].chunks(72) {
        print(&mut out, format_args!("{}", String::from_utf8_lossy(line)))?;
    }
    for (digit, (right, shown)) in right.iter().zip(shown).enumerate() {
        print(&mut out, format_args!("{digit}: {right} of {shown}"))?;
    }
    let (right, shown): (u32, u32) = (right.iter().sum(), shown.iter().sum());
    print(
        &mut out,
        format_args!("{right} of {shown} right, digest {digest:016x}"),
    )
}

fn print(out: &mut impl Write, line: std::fmt::Arguments<'_>) -> Result<(), String> {
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| format!("printing: {error}"))
}
