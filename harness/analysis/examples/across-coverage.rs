//! Measures how often intervals over machines cover the true value: the table in docs/METHODOLOGY.md.
//!
//! `cargo run --release -p plimsoll-analysis --example across-coverage` reproduces it exactly, because
//! everything is seeded. Trials scatter by 5 % around their machine, machines around each other as the row
//! says. The true value is the median over all possible machines.

use plimsoll_analysis::statistics::bootstrap::median_interval;
use plimsoll_analysis::statistics::clustered::{hierarchical, over_machines};
use plimsoll_analysis::statistics::{Generator, Interval, generator, median};
use rand::RngExt;
use rand_distr::{Distribution, Normal};

/// Simulated fleets per cell; the standard error of a coverage of 95 % is then 0.9 points.
const FLEETS: usize = 600;

/// Trials per machine.
const TRIALS: usize = 12;

/// Standard deviation of a trial's logarithm around its machine.
const TRIAL: f64 = 0.05;

/// Machines per fleet.
const MACHINES: [usize; 3] = [3, 5, 10];

/// How machines differ from each other.
#[derive(Clone, Copy)]
enum Kind {
    /// Log-normal, with this standard deviation of the logarithm.
    LogNormal(f64),
    /// This share of machines is a third slower; all scatter by 2 %.
    TwoTypes(f64),
    /// Student's distribution with 3 degrees of freedom: one machine in twenty is far out.
    HeavyTails,
}

const KINDS: [(&str, Kind); 6] = [
    ("alike", Kind::LogNormal(0.0)),
    ("2 %", Kind::LogNormal(0.02)),
    ("10 %", Kind::LogNormal(0.10)),
    ("10 %, heavy tails", Kind::HeavyTails),
    ("3 in 10 are a third slower", Kind::TwoTypes(0.3)),
    ("half are a third slower", Kind::TwoTypes(0.5)),
];

impl Kind {
    fn machine(self, rng: &mut Generator) -> f64 {
        let normal = |sigma: f64, rng: &mut Generator| -> f64 {
            Normal::new(0.0, sigma)
                .expect("a finite deviation")
                .sample(rng)
        };
        match self {
            Kind::LogNormal(sigma) => normal(sigma, rng),
            Kind::TwoTypes(share) => {
                let slow = if rng.random_bool(share) {
                    4.0_f64 / 3.0
                } else {
                    1.0
                };
                slow.ln() + normal(0.02, rng)
            }
            Kind::HeavyTails => {
                let squares: f64 = (0..3).map(|_| normal(1.0, rng).powi(2)).sum();
                0.10 * normal(1.0, rng) / (squares / 3.0).sqrt()
            }
        }
    }

    /// The median over machines, as a logarithm.
    fn truth(self) -> f64 {
        match self {
            // Symmetric around zero.
            Kind::LogNormal(_) | Kind::HeavyTails => 0.0,
            Kind::TwoTypes(_) => {
                let mut rng = generator(1, "truth");
                let many: Vec<f64> = (0..200_001).map(|_| self.machine(&mut rng)).collect();
                median(&many).expect("there are machines")
            }
        }
    }

    fn fleet(self, machines: usize, rng: &mut Generator) -> Vec<Vec<f64>> {
        let scatter = Normal::new(0.0, TRIAL).expect("a finite deviation");
        (0..machines)
            .map(|_| {
                let own = self.machine(rng);
                (0..TRIALS)
                    .map(|_| (own + scatter.sample(rng)).exp())
                    .collect()
            })
            .collect()
    }
}

/// A method for an interval from the trials of each machine.
type Way = fn(&[Vec<f64>], &mut Generator) -> Option<Interval>;

const WAYS: [(&str, Way); 3] = [
    ("as reported", |fleet, rng| over_machines(fleet, rng)),
    ("resampled", |fleet, rng| hierarchical(fleet, rng)),
    ("all trials as one machine's", |fleet, rng| {
        median_interval(&fleet.concat(), rng)
    }),
];

fn main() {
    println!("| machines differ by | interval | 3 machines | 5 machines | 10 machines |");
    println!("|---|---|---:|---:|---:|");
    for (name, kind) in KINDS {
        let truth = kind.truth().exp();
        for (way, interval) in WAYS {
            let cells = MACHINES.map(|machines| cell(kind, truth, machines, interval));
            println!("| {name} | {way} | {} |", cells.join(" | "));
        }
    }
}

/// Coverage, and the median width as a share of the truth.
fn cell(kind: Kind, truth: f64, machines: usize, interval: Way) -> String {
    let mut rng = generator(2, "fleets");
    let mut covered = 0;
    let widths: Vec<f64> = (0..FLEETS)
        .filter_map(|_| {
            let fleet = kind.fleet(machines, &mut rng);
            let interval = interval(&fleet, &mut rng)?;
            covered += usize::from(interval.low <= truth && truth <= interval.high);
            Some((interval.high - interval.low) / truth)
        })
        .collect();
    let width = median(&widths).expect("every fleet has an interval");
    let share = 100.0 * covered as f64 / widths.len() as f64;
    format!("{share:.1} % ({:.0} % wide)", 100.0 * width)
}
