//! Trains the network of `workload-inference` by stochastic gradient descent with momentum.
//!
//! ```text
//! train DIGITS.csv FOLDER
//! ```
//!
//! A line of the table has 64 pixels from 0 to 16 and a label. Every fifth digit, in an order from
//! a fixed seed, is reserved for testing. These are written to FOLDER/digits.bin, and the weights
//! trained on the others to FOLDER/weights.bin.

mod network;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use network::{Gradient, Network, PIXELS};

const EPOCHS: u32 = 24;
const BATCH: usize = 16;
const RATE: f32 = 0.04;
const MOMENTUM: f32 = 0.9;
/// Weight decay per step.
const DECAY: f32 = 0.0002;

/// A digit with its label.
struct Sample {
    label: usize,
    pixels: [u8; PIXELS],
}

/// SplitMix64.
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to 1.
    pub fn part(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            let other = (self.next() % (last as u64 + 1)) as usize;
            things.swap(last, other);
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [table, folder] = &args[..] else {
        eprintln!("usage: train DIGITS.csv FOLDER");
        return ExitCode::from(2);
    };
    match train(Path::new(table), Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("train: {error}");
            ExitCode::FAILURE
        }
    }
}

fn train(table: &Path, folder: &Path) -> Result<(), String> {
    let text = fs::read_to_string(table)
        .map_err(|error| format!("reading {}: {error}", table.display()))?;
    let mut samples = text.lines().map(sample).collect::<Result<Vec<_>, _>>()?;
    let mut random = Random(1);
    random.shuffle(&mut samples);
    let (mut held_out, mut seen) = (Vec::new(), Vec::new());
    for (number, sample) in samples.into_iter().enumerate() {
        if number % 5 == 0 {
            held_out.push(sample)
        } else {
            seen.push(sample)
        }
    }

    let mut network = Network::new(&mut random);
    let mut momentum = Gradient::new();
    for epoch in 0..EPOCHS {
        random.shuffle(&mut seen);
        // A third of the rate after half of the epochs, a ninth after three quarters.
        let rate = match epoch * 4 / EPOCHS {
            0 | 1 => RATE,
            2 => RATE / 3.0,
            _ => RATE / 9.0,
        };
        let mut loss = 0.0;
        for batch in seen.chunks(BATCH) {
            let mut gradient = Gradient::new();
            for sample in batch {
                loss += network.learn(&sample.pixels, sample.label, &mut gradient);
            }
            let each = 1.0 / batch.len() as f32;
            for ((weight, moving), gradient) in network
                .weights
                .iter_mut()
                .zip(&mut momentum.0)
                .zip(&gradient.0)
            {
                *moving = MOMENTUM * *moving - rate * (gradient * each + DECAY * *weight);
                *weight += *moving;
            }
        }
        let right = held_out
            .iter()
            .filter(|sample| network.class(&sample.pixels) == sample.label);
        println!(
            "epoch {epoch}: loss {:.4}, {} of {} held out right",
            loss / seen.len() as f32,
            right.count(),
            held_out.len()
        );
    }

    let weights: Vec<u8> = network.written().flat_map(f32::to_le_bytes).collect();
    let mut digits = Vec::new();
    for sample in &held_out {
        digits.push(sample.label as u8);
        digits.extend_from_slice(&sample.pixels);
    }
    for (name, bytes) in [("weights.bin", weights), ("digits.bin", digits)] {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|error| format!("writing {}: {error}", path.display()))?;
    }
    Ok(())
}

fn sample(line: &str) -> Result<Sample, String> {
    let numbers = line.split(',').map(|number| number.trim().parse::<f32>());
    let numbers = numbers
        .collect::<Result<Vec<f32>, _>>()
        .map_err(|error| format!("{line:?}: {error}"))?;
    let (&label, pixels) = numbers.split_last().ok_or("an empty line")?;
    let mut sample = Sample {
        label: label as usize,
        pixels: [0; PIXELS],
    };
    if pixels.len() != PIXELS || label > 9.0 {
        return Err(format!("{line:?} is no digit"));
    }
    for (pixel, value) in sample.pixels.iter_mut().zip(pixels) {
        *pixel = *value as u8;
    }
    Ok(sample)
}
