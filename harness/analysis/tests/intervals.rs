//! Intervals have the promised coverage, in many simulations from known distributions. Seeded, never timed.

use plimsoll_analysis::statistics::bootstrap::{
    Pair, geometric_mean_interval, median_interval, paired_ratio_interval, ratio_interval,
};
use plimsoll_analysis::statistics::{Generator, Interval, generator, median};
use rand::RngExt;
use rand_distr::{Distribution, LogNormal};

/// Simulated data sets per coverage; its own standard error is then 0.8 points.
const DATA_SETS: usize = 800;

/// The distribution of trials' medians.
#[derive(Debug, Clone, Copy)]
enum Spread {
    /// Log-normal between processes, with a few iterations each.
    LogNormal { sigma: f64 },
    /// Equal processes with scattering iterations.
    Iterations { sigma: f64 },
    /// This share of processes is slower by a fixed factor.
    Bimodal { slow_share: f64 },
}

impl Spread {
    const ALL: [Spread; 5] = [
        Spread::LogNormal { sigma: 0.15 },
        Spread::LogNormal { sigma: 0.6 },
        Spread::Iterations { sigma: 0.05 },
        Spread::Bimodal { slow_share: 0.3 },
        Spread::Bimodal { slow_share: 0.5 },
    ];

    /// The medians of `trials` simulated trials.
    fn draw(self, trials: usize, rng: &mut Generator) -> Vec<f64> {
        let log_normal = |sigma: f64| LogNormal::new(0.0, sigma).expect("sigma is finite");
        (0..trials)
            .map(|_| match self {
                Spread::LogNormal { sigma } => log_normal(sigma).sample(rng),
                Spread::Iterations { sigma } => {
                    let values: Vec<f64> = (0..25).map(|_| log_normal(sigma).sample(rng)).collect();
                    median(&values).expect("25 values have a median")
                }
                Spread::Bimodal { slow_share } => {
                    let slow = if rng.random_bool(slow_share) {
                        1.35
                    } else {
                        1.0
                    };
                    slow * log_normal(0.05).sample(rng)
                }
            })
            .collect()
    }

    /// The median of the distribution, to about a thousandth.
    fn truth(self) -> f64 {
        let many = self.draw(100_001, &mut generator(1, "truth"));
        median(&many).expect("there are values")
    }
}

fn coverage(truth: f64, mut interval: impl FnMut() -> Option<Interval>) -> f64 {
    let covered = (0..DATA_SETS)
        .filter(|_| {
            let interval = interval().expect("two trials or more have an interval");
            interval.low <= truth && truth <= interval.high
        })
        .count();
    covered as f64 / DATA_SETS as f64
}

#[test]
fn the_interval_of_a_median_covers_the_truth_as_often_as_it_says() {
    for spread in Spread::ALL {
        let truth = spread.truth();
        for trials in [5, 6, 12, 20] {
            let mut rng = generator(2, &format!("{spread:?} {trials}"));
            let share = coverage(truth, || {
                let data = spread.draw(trials, &mut rng);
                median_interval(&data, &mut rng)
            });
            assert!(
                (0.92..=0.98).contains(&share),
                "{trials} trials of {spread:?}: covered in {share}"
            );
        }
    }
}

#[test]
fn the_interval_of_a_ratio_of_two_runs_covers_the_truth_at_least_as_often_as_it_says() {
    for spread in Spread::ALL {
        let mut rng = generator(3, &format!("{spread:?}"));
        let share = coverage(1.7, || {
            let slow: Vec<f64> = spread.draw(20, &mut rng).iter().map(|v| 1.7 * v).collect();
            let quick = spread.draw(20, &mut rng);
            ratio_interval(&slow, &quick, &mut rng)
        });
        assert!((0.92..=0.99).contains(&share), "{spread:?}: {share}");
    }
}

#[test]
fn pairing_by_block_takes_out_what_both_sides_share() {
    let mut rng = generator(4, "paired");
    let noise = LogNormal::new(0.0, 0.02).expect("sigma is finite");
    let weather = LogNormal::new(0.0, 0.5).expect("sigma is finite");
    let mut narrower = 0;
    let share = coverage(2.0, || {
        let pairs: Vec<Pair> = (0..20)
            .map(|_| {
                let shared = weather.sample(&mut rng);
                Pair {
                    numerator: 2.0 * shared * noise.sample(&mut rng),
                    denominator: shared * noise.sample(&mut rng),
                }
            })
            .collect();
        let top: Vec<f64> = pairs.iter().map(|p| p.numerator).collect();
        let bottom: Vec<f64> = pairs.iter().map(|p| p.denominator).collect();
        let paired = paired_ratio_interval(&pairs, &mut rng)?;
        let apart = ratio_interval(&top, &bottom, &mut rng)?;
        if paired.high - paired.low < apart.high - apart.low {
            narrower += 1;
        }
        Some(paired)
    });
    assert!(share >= 0.92, "covered in {share}");
    assert!(narrower >= DATA_SETS * 9 / 10, "narrower in {narrower}");
}

/// One workload on a machine: the ratio of two targets, with drifting blocks and a few iterations each.
fn workload_pairs(ratio: f64, blocks: usize, rng: &mut Generator) -> Vec<Pair> {
    let log_normal = |sigma: f64| LogNormal::new(0.0, sigma).expect("sigma is finite");
    let trial = |typical: f64, rng: &mut Generator| {
        let own = typical * log_normal(0.04).sample(rng);
        let runs: Vec<f64> = (0..8).map(|_| own * log_normal(0.03).sample(rng)).collect();
        median(&runs).expect("8 runs have a median")
    };
    (0..blocks)
        .map(|_| {
            let weather = log_normal(0.1).sample(rng);
            Pair {
                numerator: trial(ratio * weather, rng),
                denominator: trial(weather, rng),
            }
        })
        .collect()
}

#[test]
fn the_interval_of_a_geometric_mean_covers_the_truth_at_least_as_often_as_it_says() {
    let ratios = [1.05, 1.4, 0.9, 1.2, 2.0];
    let truth = ratios
        .iter()
        .product::<f64>()
        .powf(1.0 / ratios.len() as f64);
    for blocks in [5, 6, 10] {
        let mut rng = generator(5, &format!("geometric mean of {blocks}"));
        // Each is resampled thousands of times; fewer data sets keep this within seconds.
        let (mut of_mean, mut of_one) = (0.0, 0.0);
        let covered = (0..300)
            .filter(|_| {
                let workloads: Vec<Vec<Pair>> = ratios
                    .iter()
                    .map(|&ratio| workload_pairs(ratio, blocks, &mut rng))
                    .collect();
                let interval = geometric_mean_interval(&workloads, &mut rng).expect("2 or more");
                let one = geometric_mean_interval(&workloads[..1], &mut rng).expect("2 or more");
                of_mean += (interval.high / interval.low).ln();
                of_one += (one.high / one.low).ln();
                interval.low <= truth && truth <= interval.high
            })
            .count();
        let share = covered as f64 / 300.0;
        assert!(share >= 0.93, "{blocks} blocks: {share}");
        // Width alone is easy: five workloads must also be more informative than one.
        assert!(
            of_mean < 0.6 * of_one,
            "{blocks} blocks: {of_mean} {of_one}"
        );
    }
}

#[test]
fn iterations_taken_for_independent_would_cover_far_too_little() {
    // Shows why whole trials are drawn: processes differ more than the iterations in one of them.
    let between = LogNormal::new(0.0, 0.06).expect("sigma is finite");
    let inside = LogNormal::new(0.0, 0.01).expect("sigma is finite");
    let mut rng = generator(6, "hierarchy");
    let (mut by_trial, mut by_iteration) = (0, 0);
    for _ in 0..200 {
        let trials: Vec<Vec<f64>> = (0..10)
            .map(|_| {
                let own = between.sample(&mut rng);
                (0..20).map(|_| own * inside.sample(&mut rng)).collect()
            })
            .collect();
        let medians: Vec<f64> = trials.iter().map(|t| median(t).expect("20 runs")).collect();
        let flat: Vec<f64> = trials.concat();
        let covers = |data: &[f64], rng: &mut Generator| {
            let interval = median_interval(data, rng).expect("many values");
            interval.low <= 1.0 && 1.0 <= interval.high
        };
        by_trial += u32::from(covers(&medians, &mut rng));
        by_iteration += u32::from(covers(&flat, &mut rng));
    }
    assert!(
        by_trial >= 180,
        "trials drawn whole: covered in {by_trial} of 200"
    );
    assert!(
        by_iteration <= 140,
        "runs drawn alone: covered in {by_iteration} of 200"
    );
}
