//! What came of one rate: histograms and counts.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer, V2SerializeError};

/// Longest latency that a histogram holds, nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;
/// Nanoseconds of a second.
const SECOND: u128 = 1_000_000_000;
/// Significant digits of a histogram's values.
const DIGITS: u8 = 3;

/// What came of offering one rate.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Requests offered a second.
    pub rate: u64,
    /// Latency in nanoseconds, due to last byte of the response. A request that was given up
    /// counts with the time until then: leaving it out would hide the worst.
    pub latency: Histogram<u64>,
    /// The same from when the request was sent: what a client that waits would have seen.
    pub service: Histogram<u64>,
    /// Latency by the second of the window in which requests were due; requests that are due later, by
    /// rounding, count in the last.
    pub seconds: Vec<Histogram<u64>>,
    /// Requests answered with the expected response.
    pub answered: u64,
    /// Requests that failed with their connection, or were answered wrong.
    pub errors: u64,
    /// Requests given up.
    pub timeouts: u64,
    /// How long it took until the last response, at least the window.
    pub took: Duration,
    /// How the first wrong response differed.
    pub wrong: Option<String>,
    /// What the first failed connection said.
    pub broken: Option<String>,
    /// How it ended.
    pub ended: Ended,
}

/// How offering a rate ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Every request was answered or given up.
    Complete,
    /// The run was asked to end.
    Interrupted,
    /// The server is gone: why that is thought.
    ServerGone(String),
}

impl Measured {
    /// Nothing yet, of a window that long. All memory is taken here, before the clock starts.
    pub fn new(rate: u64, window: Duration) -> Self {
        let empty = || {
            let mut histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS)
                .expect("1 ns to an hour with three digits is a valid histogram");
            histogram.auto(true);
            histogram
        };
        Self {
            rate,
            latency: empty(),
            service: empty(),
            seconds: (0..window.as_nanos().div_ceil(SECOND).max(1))
                .map(|_| empty())
                .collect(),
            answered: 0,
            errors: 0,
            timeouts: 0,
            took: Duration::ZERO,
            wrong: None,
            broken: None,
            ended: Ended::Complete,
        }
    }

    /// Requests answered right, a second.
    pub fn achieved(&self) -> f64 {
        match self.took.is_zero() {
            true => 0.0,
            false => self.answered as f64 / self.took.as_secs_f64(),
        }
    }

    /// Whether the server carried the rate: nearly all of it, without an error.
    pub fn is_sustained(&self) -> bool {
        self.ended == Ended::Complete
            && self.errors == 0
            && self.timeouts == 0
            && plimsoll_analysis::load::is_sustained(self.achieved(), self.rate)
    }

    /// Counts a request that was answered or given up: when it was due, from the start of the window,
    /// how long it took from then, and from when it was sent, if it was.
    pub fn record(&mut self, due: Duration, latency: Duration, service: Option<Duration>) {
        let nanoseconds_late = nanoseconds(latency);
        self.latency.saturating_record(nanoseconds_late);
        let last = self.seconds.len() - 1;
        let second = usize::try_from(due.as_secs()).unwrap_or(last).min(last);
        self.seconds[second].saturating_record(nanoseconds_late);
        if let Some(service) = service {
            self.service.saturating_record(nanoseconds(service));
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A histogram as it is recorded: HdrHistogram's V2 encoding with DEFLATE, in base64.
///
/// # Errors
/// If it does not fit into the encoding, which nothing of this program's size does not.
pub fn encoded(histogram: &Histogram<u64>) -> Result<String, V2SerializeError> {
    let mut bytes = Vec::new();
    match V2DeflateSerializer::new().serialize(histogram, &mut bytes) {
        Ok(_) => Ok(STANDARD.encode(bytes)),
        Err(hdrhistogram::serialization::V2DeflateSerializeError::InternalSerializationError(
            error,
        )) => Err(error),
        Err(error) => unreachable!("deflating into memory: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_in_the_second_it_was_due_in() {
        let mut measured = Measured::new(10, Duration::from_millis(2500));
        assert_eq!(measured.seconds.len(), 3);
        for due in [0, 999, 1000, 2400, 2600] {
            let latency = Duration::from_micros(50);
            measured.record(Duration::from_millis(due), latency, Some(latency));
        }
        let counts: Vec<u64> = measured.seconds.iter().map(Histogram::len).collect();
        assert_eq!(counts, [2, 1, 2]);
        assert_eq!(measured.latency.len(), 5);
    }
}
