//! Sorted values with their quantiles and outliers.

/// Minimum samples for a 99th percentile.
///
/// The samples beyond it determine a tail estimate. Of 500 samples five are expected beyond the 99th
/// percentile; with fewer it is hardly more than the maximum.
pub const P99_SAMPLES: usize = 500;

/// Minimum trials for a 99th percentile: one process's iterations show nothing about the tail over processes.
pub const P99_TRIALS: usize = 5;

/// At least one value, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sorted(Vec<f64>);

impl Sorted {
    /// Sorts `values`; `None` if there are none or one of them is not a number.
    pub fn new(mut values: Vec<f64>) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| value.is_nan()) {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        Some(Self(values))
    }

    /// The values, ascending.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// The number of values, never 0.
    #[expect(clippy::len_without_is_empty, reason = "never empty by construction")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest value.
    pub fn min(&self) -> f64 {
        self.0[0]
    }

    /// The largest value.
    pub fn max(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// The middle value, or the mean of the two middle ones.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The quantile for the share `p` (0 to 1), interpolated linearly (type 7 of Hyndman and Fan 1996, the
    /// default of R, NumPy and spreadsheets).
    pub fn quantile(&self, p: f64) -> f64 {
        let position = p.clamp(0.0, 1.0) * (self.0.len() - 1) as f64;
        let below = position.floor() as usize;
        let above = (below + 1).min(self.0.len() - 1);
        let share = position - below as f64;
        // Equal neighbours are returned unchanged, to avoid rounding errors on constant data.
        if self.0[below] == self.0[above] {
            return self.0[below];
        }
        self.0[below] + share * (self.0[above] - self.0[below])
    }

    /// The number of values more than three interquartile ranges outside the quartiles (Tukey's outer
    /// fences), on a logarithmic scale because times are skewed. They are counted and reported, never
    /// dropped.
    pub fn far_out(&self) -> usize {
        if self.0.len() < 8 {
            // Quartiles of fewer values are too uncertain to identify outliers.
            return 0;
        }
        let low = self.quantile(0.25).max(f64::MIN_POSITIVE).ln();
        let high = self.quantile(0.75).max(f64::MIN_POSITIVE).ln();
        // A clock's resolution can make both quartiles equal; then 1 % either way is no outlier.
        let reach = (3.0 * (high - low)).max(0.01);
        self.0
            .iter()
            .filter(|value| {
                let log = value.max(f64::MIN_POSITIVE).ln();
                log < low - reach || log > high + reach
            })
            .count()
    }
}

/// The median of `values`, which need not be sorted; `None` if there are none.
pub fn median(values: &[f64]) -> Option<f64> {
    Sorted::new(values.to_vec()).map(|sorted| sorted.median())
}
