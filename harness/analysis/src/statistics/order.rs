//! Sorted values and what can be read off them.

/// Fewest samples on which a 99th percentile is stated.
///
/// An estimate of a tail is made by the samples beyond it. With 500 of them five are expected
/// beyond the 99th percentile; with fewer it is little else than the maximum under another name.
pub const P99_SAMPLES: usize = 500;

/// Fewest trials on which a 99th percentile is stated: one process's iterations, however many,
/// say nothing about the tail over processes.
pub const P99_TRIALS: usize = 5;

/// Values in ascending order, at least one.
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

    /// How many values there are; never 0.
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

    /// The value below which the share `p` (0 to 1) of the values lies, interpolated linearly
    /// (type 7 of Hyndman and Fan 1996, what R, NumPy and spreadsheets give by default).
    pub fn quantile(&self, p: f64) -> f64 {
        let position = p.clamp(0.0, 1.0) * (self.0.len() - 1) as f64;
        let below = position.floor() as usize;
        let above = (below + 1).min(self.0.len() - 1);
        let share = position - below as f64;
        // Equal neighbours are returned as they are: no rounding error on constant data.
        if self.0[below] == self.0[above] {
            return self.0[below];
        }
        self.0[below] + share * (self.0[above] - self.0[below])
    }

    /// How many values lie beyond three times the interquartile range outside the quartiles
    /// (Tukey's outer fences), on a logarithmic scale because times are skewed. They are
    /// counted and reported, never dropped.
    pub fn far_out(&self) -> usize {
        if self.0.len() < 8 {
            // Quartiles of fewer values are too loose to call anything an outlier by.
            return 0;
        }
        let low = self.quantile(0.25).max(f64::MIN_POSITIVE).ln();
        let high = self.quantile(0.75).max(f64::MIN_POSITIVE).ln();
        // A clock's resolution can make both quartiles equal; 1 % either way is then in.
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
