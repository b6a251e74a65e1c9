//! Verdicts on warm-up for simulated series with a known truth. Seeded, never timed.

use plimsoll_analysis::statistics::warmup::{WARMUP_ITERATIONS, WARMUP_TRIALS};
use plimsoll_analysis::statistics::{Generator, WarmUp, generator, warm_up};
use rand::RngExt;
use rand_distr::{Distribution, LogNormal};

/// Simulated series per share.
const SERIES: u32 = 400;

/// The noise of a machine: standard deviations of logarithms, except `spikes`.
#[derive(Debug, Clone, Copy)]
struct Noise {
    /// Between iterations of one process.
    iteration: f64,
    /// Between processes.
    process: f64,
    /// Share of iterations hit by a neighbour, which takes them 1.5 times as long.
    spikes: f64,
}

const QUIET: Noise = Noise {
    iteration: 0.004,
    process: 0.01,
    spikes: 0.0,
};
const SHARED: Noise = Noise {
    iteration: 0.03,
    process: 0.05,
    spikes: 0.05,
};

/// One series: `trials` processes of `iterations` runs, with true times given by `shape` of their position.
fn simulate(
    (trials, iterations): (usize, usize),
    noise: Noise,
    shape: impl Fn(usize) -> f64,
    rng: &mut Generator,
) -> WarmUp {
    let log_normal = |sigma: f64| LogNormal::new(0.0, sigma).expect("sigma is finite");
    let series: Vec<Vec<f64>> = (0..trials)
        .map(|_| {
            let own = 5e7 * log_normal(noise.process).sample(rng);
            (0..iterations)
                .map(|at| {
                    let spike = if rng.random_bool(noise.spikes) {
                        1.5
                    } else {
                        1.0
                    };
                    own * shape(at) * spike * log_normal(noise.iteration).sample(rng)
                })
                .collect()
        })
        .collect();
    let series: Vec<&[f64]> = series.iter().map(Vec::as_slice).collect();
    warm_up(&series)
}

/// The share of simulated series that get the verdict `wanted`.
fn share(
    size: (usize, usize),
    noise: Noise,
    shape: impl Fn(usize) -> f64 + Copy,
    wanted: impl Fn(WarmUp) -> bool,
) -> f64 {
    let mut rng = generator(11, &format!("{size:?} {noise:?}"));
    let hits = (0..SERIES)
        .filter(|_| wanted(simulate(size, noise, shape, &mut rng)))
        .count();
    hits as f64 / f64::from(SERIES)
}

const SIZES: [(usize, usize); 3] = [(6, 8), (10, 20), (20, 40)];

#[test]
fn what_is_steady_is_called_steady() {
    for size in SIZES {
        for noise in [QUIET, SHARED] {
            let steady = share(size, noise, |_| 1.0, |verdict| verdict == WarmUp::Steady);
            assert!(steady >= 0.95, "{size:?} {noise:?}: {steady}");
        }
    }
}

#[test]
fn a_slow_first_run_is_found_with_its_size() {
    for size in SIZES {
        let cold = |at: usize| if at == 0 { 1.3 } else { 1.0 };
        for noise in [QUIET, SHARED] {
            let found = share(size, noise, cold, |verdict| match verdict {
                WarmUp::SlowStart { iterations, first } => {
                    iterations == 1 && (0.15..0.5).contains(&first)
                }
                _ => false,
            });
            assert!(found >= 0.9, "{size:?} {noise:?}: {found}");
        }
    }
}

#[test]
fn several_slow_runs_are_counted() {
    let warming = |at: usize| [1.6, 1.4, 1.25, 1.15].get(at).copied().unwrap_or(1.0);
    let found = share((10, 20), SHARED, warming, |verdict| {
        matches!(
            verdict,
            WarmUp::SlowStart {
                iterations: 3..=4,
                ..
            }
        )
    });
    assert!(found >= 0.9, "{found}");
}

#[test]
fn what_keeps_changing_has_no_steady_state() {
    let drifts = |at: usize| 1.02_f64.powi(at as i32);
    let late_jump = |at: usize| if at >= 15 { 0.8 } else { 1.0 };
    let slows_down = |at: usize| if at < 6 { 0.8 } else { 1.0 };
    let unsettled = |verdict| verdict == WarmUp::NoSteadyState;
    for noise in [QUIET, SHARED] {
        for (name, found) in [
            ("drifts", share((10, 20), noise, drifts, unsettled)),
            ("late jump", share((10, 20), noise, late_jump, unsettled)),
            ("slows down", share((10, 20), noise, slows_down, unsettled)),
        ] {
            assert!(found >= 0.9, "{name} {noise:?}: {found}");
        }
    }
}

#[test]
fn a_difference_that_matters_to_nobody_is_no_warm_up() {
    let hardly = |at: usize| if at == 0 { 1.01 } else { 1.0 };
    let steady = share((20, 40), QUIET, hardly, |verdict| verdict == WarmUp::Steady);
    assert!(steady >= 0.95, "{steady}");
}

#[test]
fn too_few_runs_or_processes_are_judged_by_nobody() {
    let mut rng = generator(1, "short");
    for size in [(WARMUP_TRIALS - 1, 40), (40, WARMUP_ITERATIONS - 1), (0, 0)] {
        let verdict = simulate(size, QUIET, |_| 1.0, &mut rng);
        assert_eq!(verdict, WarmUp::TooShort, "{size:?}");
    }
}
