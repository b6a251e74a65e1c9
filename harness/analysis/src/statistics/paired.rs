//! Compares two sides measured block by block: their ratio, its uncertainty, and how often the same method
//! reports a difference without any.
//!
//! The machine affects both sides of a block alike, so everything here is computed from logarithms of ratios
//! within a block. Their location is the trimmed mean: it uses more of the blocks than the median, and still
//! ignores a spike in one block of five.

use rand::{Rng, RngExt};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::bootstrap::{Interval, RESAMPLES, percentile_interval};
use super::shift::TRIM;

/// Minimum blocks for a verdict: with fewer the trimmed mean depends on three values.
pub const BLOCKS: usize = 8;

/// Share of cases in which the minimum detectable effect is found twice in a row.
pub const POWER: f64 = 0.8;

/// Logarithms of ratios, the same number per block.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    log_ratios: Vec<f64>,
    /// Number of ratios per block.
    each: usize,
}

impl Paired {
    /// Ratios of head over base, block by block: one per measurement of base. `None` for fewer than
    /// [`BLOCKS`] blocks, for blocks of different lengths, or if a ratio has no logarithm.
    ///
    /// Both ratios of a block are kept, not head over the mean of its bases. A spike of the machine hits two
    /// measurements of base twice as often as one of head, so the mean would have more outliers on one side,
    /// and trimming would shift towards the other.
    pub fn new(blocks: &[Vec<f64>]) -> Option<Self> {
        let each = blocks.first()?.len();
        let log_ratios: Vec<f64> = blocks.iter().flatten().map(|ratio| ratio.ln()).collect();
        let whole = each > 0 && blocks.iter().all(|block| block.len() == each);
        let finite = log_ratios.iter().all(|log| log.is_finite());
        (blocks.len() >= BLOCKS && whole && finite).then_some(Self { log_ratios, each })
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.log_ratios.len() / self.each
    }

    /// Head over base, by the trimmed mean.
    pub fn ratio(&self) -> f64 {
        trimmed_mean(&mut self.log_ratios.clone()).exp()
    }

    /// The 95 % interval of [`Paired::ratio`], by resampling whole blocks.
    pub fn interval(&self, rng: &mut impl Rng) -> Interval {
        let logs = self.resampled(RESAMPLES, rng);
        Interval {
            low: logs.low.exp(),
            high: logs.high.exp(),
        }
    }

    /// The smallest slowdown, as a logarithm, that two consecutive measurements with the precision of
    /// `interval` both find beyond `floor` (a logarithm) in [`POWER`] of cases.
    pub fn minimum_detectable(&self, interval: Interval, floor: f64) -> f64 {
        let Ok(student) = StudentsT::new(0.0, 1.0, self.blocks() as f64 - 1.0) else {
            return f64::INFINITY;
        };
        let below = (self.ratio() / interval.low).ln();
        let error = (interval.high / interval.low).ln() / (2.0 * student.inverse_cdf(0.975));
        floor + below + student.inverse_cdf(POWER.sqrt()) * error
    }

    /// The blocks with the two sides of each swapped at random: what they could have been if base and head
    /// were the same.
    pub fn relabelled(&self, rng: &mut impl Rng) -> Self {
        let mut log_ratios = self.log_ratios.clone();
        for block in log_ratios.chunks_mut(self.each) {
            if rng.random() {
                block.iter_mut().for_each(|log| *log = -*log);
            }
        }
        Self {
            log_ratios,
            ..*self
        }
    }

    /// Whether the interval from that number of resamples lies above `floor` (a logarithm).
    pub fn lies_beyond(&self, floor: f64, resamples: usize, rng: &mut impl Rng) -> bool {
        // In most cases the location alone decides.
        trimmed_mean(&mut self.log_ratios.clone()) > floor
            && self.resampled(resamples, rng).low > floor
    }

    /// p-value of "head is not slower than base by more than `floor`" (a logarithm): the share of
    /// relabellings of the excess over the floor with a location at least as large.
    pub fn p_value(&self, floor: f64, rng: &mut impl Rng) -> f64 {
        let beyond = Self {
            log_ratios: self.log_ratios.iter().map(|log| log - floor).collect(),
            ..*self
        };
        let found = trimmed_mean(&mut beyond.log_ratios.clone());
        let as_large = (0..RESAMPLES)
            .filter(|_| trimmed_mean(&mut beyond.relabelled(rng).log_ratios) >= found)
            .count();
        // The measured labelling counts as one of them (Phipson and Smyth 2010).
        (as_large + 1) as f64 / (RESAMPLES + 1) as f64
    }

    /// The interval of the location, on the logarithmic scale.
    fn resampled(&self, resamples: usize, rng: &mut impl Rng) -> Interval {
        let blocks: Vec<&[f64]> = self.log_ratios.chunks(self.each).collect();
        let mut drawn = vec![0.0; self.log_ratios.len()];
        let replicates = (0..resamples)
            .map(|_| {
                for block in drawn.chunks_mut(self.each) {
                    block.copy_from_slice(blocks[rng.random_range(0..blocks.len())]);
                }
                trimmed_mean(&mut drawn)
            })
            .collect();
        percentile_interval(replicates, blocks.len()).unwrap_or(Interval {
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
        })
    }
}

/// The mean after cutting off a fifth at each end. Reorders `values`.
fn trimmed_mean(values: &mut [f64]) -> f64 {
    let cut = (TRIM * values.len() as f64).floor() as usize;
    let end = values.len() - cut;
    if cut > 0 {
        values.select_nth_unstable_by(cut - 1, f64::total_cmp);
        values[cut..].select_nth_unstable_by(end - cut - 1, f64::total_cmp);
    }
    values[cut..end].iter().sum::<f64>() / (end - cut) as f64
}

/// The highest rate compatible, at 95 %, with `seen` events in `tried` tries (Clopper and Pearson,
/// one-sided).
pub fn rate_at_most(seen: usize, tried: usize) -> f64 {
    if seen >= tried {
        return 1.0;
    }
    match statrs::distribution::Beta::new(seen as f64 + 1.0, (tried - seen) as f64) {
        Ok(beta) => beta.inverse_cdf(0.95),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trimmed_mean_forgets_a_fifth_at_each_end() {
        let mut values = [5.0, -900.0, 1.0, 2.0, 3.0, 4.0, 900.0, 3.0, -900.0, 900.0];
        assert_eq!(trimmed_mean(&mut values), 3.0);
        assert_eq!(trimmed_mean(&mut [4.0, 2.0]), 3.0);
    }

    #[test]
    fn no_event_in_n_tries_leaves_room_for_three_in_n() {
        assert!((rate_at_most(0, 200) - 0.01487).abs() < 1e-4);
        assert!(rate_at_most(2, 40) > 0.1 && rate_at_most(2, 40) < 0.16);
        assert_eq!(rate_at_most(5, 5), 1.0);
    }
}
