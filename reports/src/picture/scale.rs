//! Logarithmic and linear axes, and their ticks.

use plotters::coord::ranged1d::Ranged;
use plotters::prelude::{IntoLogRange, LogCoord};

use plimsoll_record::Unit;

use super::canvas::{Anchor, Canvas, Pen};
use crate::quantity;

/// Width of a tick's label with spacing, in pixels.
const FIGURE: i32 = 54;

/// Kind of axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    /// Equal distances are equal ratios.
    Logarithmic,
    /// Equal distances are equal differences; starts at zero.
    Linear,
}

impl Axis {
    /// Both kinds, with the default first.
    pub(crate) const ALL: [Axis; 2] = [Axis::Logarithmic, Axis::Linear];

    /// Name of the kind, also used as a class.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Axis::Logarithmic => "logarithmic",
            Axis::Linear => "linear",
        }
    }
}

/// An axis with its range and pixels.
pub(crate) struct Scale {
    unit: Unit,
    coordinate: Option<LogCoord<f64>>,
    low: f64,
    high: f64,
    pixels: (i32, i32),
}

impl Scale {
    /// A logarithmic axis for `low` to `high` nanoseconds plus a margin, on pixels `pixels.0` to `pixels.1`.
    pub(crate) fn over(low: f64, high: f64, pixels: (i32, i32)) -> Self {
        Self::of(Unit::Nanoseconds, low, high, pixels)
    }

    /// An axis of this kind for values in `unit`; a linear one starts at zero.
    pub(crate) fn on(axis: Axis, unit: Unit, low: f64, high: f64, pixels: (i32, i32)) -> Self {
        match axis {
            Axis::Logarithmic => Self::of(unit, low, high, pixels),
            Axis::Linear => Self {
                unit,
                coordinate: None,
                low: 0.0,
                high: high.max(1.0) * 1.02,
                pixels,
            },
        }
    }

    /// Like [`Scale::over`], for values in another unit.
    pub(crate) fn of(unit: Unit, low: f64, high: f64, pixels: (i32, i32)) -> Self {
        // A logarithmic axis has no zero: it is shown at 1 ns or 1 byte.
        let (low, high) = (low.max(1.0), high.max(1.0));
        let room = (high / low).powf(0.04).max(1.02);
        let (low, high) = (low / room, high * room);
        Self {
            unit,
            coordinate: Some((low..high).log_scale().into()),
            low,
            high,
            pixels,
        }
    }

    /// The pixel of a value.
    pub(crate) fn at(&self, value: f64) -> i32 {
        let inside = value.clamp(self.low, self.high);
        match &self.coordinate {
            Some(coordinate) => coordinate.map(&inside, self.pixels),
            None => {
                let (from, to) = self.pixels;
                let share = (inside - self.low) / (self.high - self.low);
                from + (share * f64::from(to - from)).round() as i32
            }
        }
    }

    /// Round tick values, as many as fit.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let most = ((self.pixels.1 - self.pixels.0) / FIGURE).max(2) as usize;
        let decades = (self.high / self.low).log10();
        if self.coordinate.is_some() && decades > 1.2 {
            let every = (1..).find(|every| decades / f64::from(*every) <= most as f64);
            let every = every.unwrap_or(1);
            let fine = self.multiples(&[1.0, 2.0, 5.0], 1);
            if every == 1 && fine.len() <= most {
                return fine;
            }
            let thirds = self.multiples(&[1.0, 3.0], 1);
            if every == 1 && thirds.len() <= most {
                return thirds;
            }
            return self.multiples(&[1.0], every);
        }
        // Below about a decade: equal steps, thinned until their labels fit.
        let span = self.high - self.low;
        let unit = 10_f64.powf((span / most as f64).log10().floor());
        for step in [1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 25.0, 50.0, 100.0] {
            let step = step * unit;
            let first = (self.low / step).ceil() as i64;
            let last = (self.high / step).floor() as i64;
            let ticks: Vec<f64> = (first..=last).map(|n| n as f64 * step).collect();
            let roomy = |pair: &[f64]| self.at(pair[1]) - self.at(pair[0]) >= FIGURE;
            if ticks.windows(2).all(roomy) {
                return ticks;
            }
        }
        Vec::new()
    }

    fn multiples(&self, of: &[f64], every: i32) -> Vec<f64> {
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        (first..=last)
            .filter(|exponent| exponent.rem_euclid(every) == 0)
            .flat_map(|exponent| of.iter().map(move |n| n * 10_f64.powi(exponent)))
            .filter(|tick| (self.low..=self.high).contains(tick))
            .collect()
    }

    /// Draws the grid from `top` to `bottom` and the labels below.
    pub(crate) fn draw(&self, canvas: &Canvas<'_>, top: i32, bottom: i32) {
        for tick in self.ticks() {
            let x = self.at(tick);
            canvas.line((x, top), (x, bottom), Pen::Grid, 1);
            let figure = figure(tick, self.unit);
            // Labels at the ends are moved inwards to stay in the chart.
            let half = figure.chars().count() as i32 * 7 / 2;
            let (from, to) = (self.pixels.0 + half - 3, self.pixels.1 - half + 14);
            let middle = x.max(from).min(to);
            canvas.text((middle, bottom + 12), &figure, Pen::Muted, Anchor::Middle);
        }
    }
}

/// A tick's label: `10 ms`, `2.5 µs`; trailing zeros are removed.
pub(crate) fn figure(value: f64, unit: Unit) -> String {
    let text = quantity::value(value, unit);
    match text.split_once('\u{a0}') {
        Some((number, unit)) if number.contains('.') => {
            let number = number.trim_end_matches('0').trim_end_matches('.');
            format!("{number}\u{a0}{unit}")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_have_room_for_their_figures_whatever_the_range() {
        for (low, high) in [
            (100.0, 1e9),
            (1.0, 1e12),
            (4e5, 4.4e5),
            (1e6, 5e6),
            (2e4, 9e5),
            (7.0, 7.0),
            (0.0, 0.0),
        ] {
            let scale = Scale::over(low, high, (8, 352));
            let ticks = scale.ticks();
            for pair in ticks.windows(2) {
                let apart = scale.at(pair[1]) - scale.at(pair[0]);
                assert!(apart >= 34, "{low} to {high}: {ticks:?}");
            }
            if high > 1.3 * low {
                assert!(ticks.len() >= 2, "{low} to {high}: {ticks:?}");
            }
        }
    }

    #[test]
    fn a_round_figure_has_no_idle_zeros() {
        let of = |value, unit| figure(value, unit).replace('\u{a0}', " ");
        assert_eq!(of(1e4, Unit::Nanoseconds), "10 µs");
        assert_eq!(of(2.5e6, Unit::Nanoseconds), "2.5 ms");
        assert_eq!(of(5e8, Unit::Nanoseconds), "500 ms");
        assert_eq!(of(2e5, Unit::Bytes), "200 kB");
    }
}
