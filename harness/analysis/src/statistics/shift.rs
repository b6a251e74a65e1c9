//! Tests whether two sets of trials differ by more than a given amount, and computes the smallest detectable
//! difference.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::order::Sorted;

/// Share of trials trimmed at each end. Yuen (Biometrika 61, 1974) and Wilcox recommend a fifth: then a spike
/// in one trial of five has no effect.
pub(super) const TRIM: f64 = 0.2;

/// Relative spread below which trials count as constant: about what the clock and the rounding of durations
/// contribute at the shortest boundaries.
const RESOLUTION: f64 = 1e-3;

/// The location of a set of logarithms, with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Located {
    /// Trimmed mean.
    mean: f64,
    /// Squared standard error of `mean`, from the winsorised variance.
    variance: f64,
    /// Degrees of freedom.
    freedom: f64,
}

impl Located {
    fn of(logs: &Sorted) -> Option<Self> {
        let n = logs.len();
        let trimmed = (TRIM * n as f64).floor() as usize;
        let kept = n - 2 * trimmed;
        if kept < 2 {
            return None;
        }
        let values = logs.values();
        let inner = &values[trimmed..n - trimmed];
        let mean = inner.iter().sum::<f64>() / kept as f64;
        let winsorised = |v: &f64| v.clamp(inner[0], inner[kept - 1]);
        let centre = values.iter().map(winsorised).sum::<f64>() / n as f64;
        let squares: f64 = values
            .iter()
            .map(|v| (winsorised(v) - centre).powi(2))
            .sum();
        let (h, least) = (kept as f64, RESOLUTION * RESOLUTION / n as f64);
        Some(Self {
            mean,
            variance: (squares / (h * (h - 1.0))).max(least),
            freedom: h - 1.0,
        })
    }
}

/// The difference of two sets of trials on a logarithmic scale, with its uncertainty: Yuen's test for trimmed
/// means with unequal variances, on the logarithms of the trials' medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Logarithm of candidate over base.
    pub log_ratio: f64,
    /// Standard error of `log_ratio`.
    pub standard_error: f64,
    /// Degrees of freedom (Welch and Satterthwaite).
    pub freedom: f64,
}

impl Shift {
    /// Compares the trials' medians of `candidate` with those of `base`. `None` if either has too few (fewer
    /// than two after trimming) or a value without a logarithm.
    pub fn between(base: &[f64], candidate: &[f64]) -> Option<Self> {
        let logs = |values: &[f64]| {
            if values.iter().any(|v| *v <= 0.0) {
                return None;
            }
            Located::of(&Sorted::new(values.iter().map(|v| v.ln()).collect())?)
        };
        let (base, candidate) = (logs(base)?, logs(candidate)?);
        let variance = base.variance + candidate.variance;
        let freedom = variance.powi(2)
            / (base.variance.powi(2) / base.freedom
                + candidate.variance.powi(2) / candidate.freedom);
        Some(Self {
            log_ratio: candidate.mean - base.mean,
            standard_error: variance.sqrt(),
            freedom,
        })
    }

    /// Two-sided p-value of "they differ by no more than `floor`" (on the logarithmic scale).
    pub fn p_value(&self, floor: f64) -> f64 {
        let beyond = (self.log_ratio.abs() - floor) / self.standard_error;
        (2.0 * self.student().sf(beyond)).min(1.0)
    }

    /// The smallest true difference, on the logarithmic scale, that a test at level `alpha` with this
    /// precision finds beyond `floor` in 80 % of cases.
    pub fn minimum_detectable(&self, floor: f64, alpha: f64) -> f64 {
        let student = self.student();
        let critical = student.inverse_cdf(1.0 - alpha / 2.0);
        floor + (critical + student.inverse_cdf(0.8)) * self.standard_error
    }

    fn student(&self) -> StudentsT {
        match StudentsT::new(0.0, 1.0, self.freedom) {
            Ok(student) => student,
            Err(_) => unreachable!("degrees of freedom are positive by construction"),
        }
    }
}

/// Adjusts p-values for multiple tests (Holm, Scandinavian Journal of Statistics 6, 1979). The probability of
/// any false "different" among all rows stays below the level.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 0.0_f64;
    for (rank, &at) in order.iter().enumerate() {
        least = least.max(p_values[at] * (p_values.len() - rank) as f64);
        adjusted[at] = least.min(1.0);
    }
    adjusted
}
