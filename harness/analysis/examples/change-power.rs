//! Measures how often changes of level are found: the table in docs/METHODOLOGY.md.
//!
//! `cargo run --release -p plimsoll-analysis --example change-power` reproduces it exactly, because
//! everything is seeded. Medians of runs scatter by 3 % around their level, and every eleventh run is an
//! outlier, 30 % higher.

use plimsoll_analysis::statistics::{changes, generator};
use rand_distr::{Distribution, Normal};

/// Simulated histories per cell.
const HISTORIES: u64 = 200;

/// Runs before and after a change.
const LENGTHS: [(usize, usize); 7] = [(4, 4), (6, 4), (10, 4), (10, 6), (10, 10), (30, 4), (30, 6)];

/// The new level over the old one.
const STEPS: [f64; 5] = [1.0, 1.05, 1.1, 1.25, 3.0];

fn main() {
    println!(
        "| runs before | runs after | no change: false alarms | +5 % | +10 % | +25 % | threefold |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    for (before, after) in LENGTHS {
        let cells = STEPS.map(|step| percent(before, after, step));
        println!("| {before} | {after} | {} |", cells.join(" | "));
    }
}

/// The share of histories with exactly this change, dated within one run; without a step, the share with any
/// change.
fn percent(before: usize, after: usize, step: f64) -> String {
    let scatter = Normal::new(0.0, 0.03).expect("a finite deviation");
    let found = (0..HISTORIES).filter(|&seed| {
        let mut rng = generator(seed, "a history");
        let values: Vec<f64> = (0..before + after)
            .map(|at| {
                let outlier = if at % 11 == 7 { 1.3 } else { 1.0 };
                let level = if at < before { 1e6 } else { 1e6 * step };
                let log: f64 = scatter.sample(&mut rng);
                level * log.exp() * outlier
            })
            .collect();
        match changes(&values).as_slice() {
            [] => false,
            [one] => step == 1.0 || one.at.abs_diff(before) <= 1,
            _ => step == 1.0,
        }
    });
    format!("{:.1} %", 100.0 * found.count() as f64 / HISTORIES as f64)
}
