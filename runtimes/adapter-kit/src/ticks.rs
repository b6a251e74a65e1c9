//! Step times that a program measures in its own loop, with its own clock.
//!
//! Such a program prints one line to its stderr, for example `plimsoll-ticks count=400 p50=98310 p90=104217 p99=120344
//! worst=190211`: nearest-rank percentiles of all steps in nanoseconds. Its stdout stays the same everywhere. `bench`
//! reads the line of a process that it started, an adapter that of a container.

use plimsoll_record::{Boundary, Metric};

use crate::protocol::Sample;

/// Prefix of the line.
const MARK: &str = "plimsoll-ticks ";

const METRICS: [Metric; 4] = [Metric::P50, Metric::P90, Metric::P99, Metric::Max];

/// Samples from the last such line; empty if there is none or it is invalid.
pub fn samples(stderr: &[u8]) -> Vec<Sample> {
    let stderr = String::from_utf8_lossy(stderr);
    let said = stderr
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix(MARK));
    let Some(said) = said else {
        return Vec::new();
    };
    let value = |metric: Metric| {
        let mut words = said.split(' ').filter_map(|word| word.split_once('='));
        // Parsed by serde, which also accepts the old name `worst` that existing guests still print.
        let named = |name: &str| serde_json::from_value::<Metric>(name.into()).ok();
        let (_, value) = words.find(|(name, _)| named(name) == Some(metric))?;
        value.parse::<u64>().ok()
    };
    let values: Vec<u64> = METRICS.into_iter().filter_map(value).collect();
    if values.len() < METRICS.len() || !values.is_sorted() {
        return Vec::new();
    }
    let samples = METRICS
        .into_iter()
        .zip(values)
        .map(|(metric, value)| Sample {
            boundary: Boundary::Tick,
            metric,
            iteration: 0,
            at: None,
            value,
        });
    samples.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(stderr: &str) -> Vec<(Metric, u64)> {
        let samples = samples(stderr.as_bytes());
        assert!(samples.iter().all(|s| s.boundary == Boundary::Tick));
        samples.into_iter().map(|s| (s.metric, s.value)).collect()
    }

    #[test]
    fn a_programs_own_steps_are_read_from_its_line_among_others() {
        let said = "a warning\nplimsoll-ticks count=4 p50=10 p90=20 p99=20 worst=31\nthe end\n";
        let expected = [
            (Metric::P50, 10),
            (Metric::P90, 20),
            (Metric::P99, 20),
            (Metric::Max, 31),
        ];
        assert_eq!(values(said), expected);
        assert_eq!(values(&said.replace("worst", "max")), expected);
    }

    #[test]
    fn a_line_that_is_cut_short_or_makes_no_sense_says_nothing() {
        for said in [
            "",
            "plimsoll-ticks",
            "plimsoll-ticks count=4 p50=10 p90=20 p99=20",
            "plimsoll-ticks p50=10 p90=20 p99=20 worst=soon",
            "plimsoll-ticks p50=30 p90=20 p99=20 worst=31",
            "icks count=4 p50=10 p90=20 p99=20 worst=31",
        ] {
            assert_eq!(values(said), [], "{said:?}");
        }
    }
}
