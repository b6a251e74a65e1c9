//! Fits a straight line by least squares.

/// A line `value = base + slope * x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Increase of the value when `x` increases by one.
    pub slope: f64,
    /// The value at `x = 0`.
    pub base: f64,
}

impl Line {
    /// The line with the least sum of squared deviations from the points (`x`, value); `None` without points
    /// at two different `x`.
    pub fn through(points: &[(f64, f64)]) -> Option<Self> {
        let n = points.len() as f64;
        let mean_x = points.iter().map(|point| point.0).sum::<f64>() / n;
        let mean_y = points.iter().map(|point| point.1).sum::<f64>() / n;
        let spread: f64 = points.iter().map(|point| (point.0 - mean_x).powi(2)).sum();
        let together: f64 = points
            .iter()
            .map(|point| (point.0 - mean_x) * (point.1 - mean_y))
            .sum();
        if points.is_empty() || spread <= 0.0 {
            return None;
        }
        let slope = together / spread;
        Some(Line {
            slope,
            base: mean_y - slope * mean_x,
        })
    }

    /// The value of the line at `x`.
    pub fn at(&self, x: f64) -> f64 {
        self.base + self.slope * x
    }

    /// The point with the largest deviation from the line: its `x`, and the deviation as a share of its
    /// value. `None` if every value is 0.
    pub fn worst(&self, points: &[(f64, f64)]) -> Option<(f64, f64)> {
        points
            .iter()
            .filter(|point| point.1 != 0.0)
            .map(|&(x, value)| (x, (value - self.at(x)) / value.abs()))
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
    }
}
