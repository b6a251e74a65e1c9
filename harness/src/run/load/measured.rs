//! The results of one rate: histograms and counts.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer, V2SerializeError};

/// Maximum latency of a histogram, nanoseconds: one hour.
const LONGEST: u64 = 3_600_000_000_000;
/// Nanoseconds of a second.
const SECOND: u128 = 1_000_000_000;
/// Significant digits of histogram values.
const DIGITS: u8 = 3;

/// The results of offering one rate.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Requests offered per second.
    pub rate: u64,
    /// Latency from scheduled time to last byte of the response, nanoseconds. A timed-out request counts with
    /// the time waited, because omitting it would hide the worst case.
    pub latency: Histogram<u64>,
    /// The same from the time of sending: what a client that waits for each response would have measured.
    pub service: Histogram<u64>,
    /// Latency by the second of the window in which requests were due; any that are due later (by rounding)
    /// count in the last.
    pub seconds: Vec<Histogram<u64>>,
    /// Requests with the expected response.
    pub answered: u64,
    /// Requests with a failed connection or a wrong response.
    pub errors: u64,
    /// Requests that timed out.
    pub timeouts: u64,
    /// Time until the last response, at least the window.
    pub took: Duration,
    /// How the first wrong response differed.
    pub wrong: Option<String>,
    /// The error of the first failed connection.
    pub broken: Option<String>,
    /// How it ended.
    pub ended: Ended,
}

/// How offering a rate ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Every request was answered or timed out.
    Complete,
    /// The user interrupted the run.
    Interrupted,
    /// The server is gone; with the evidence.
    ServerGone(String),
}

impl Measured {
    /// Empty results for a window of that length. Allocates everything before the clock starts.
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

    /// Correct responses per second.
    pub fn achieved(&self) -> f64 {
        match self.took.is_zero() {
            true => 0.0,
            false => self.answered as f64 / self.took.as_secs_f64(),
        }
    }

    /// Whether the server sustained the rate: nearly all requests, without an error.
    pub fn is_sustained(&self) -> bool {
        self.ended == Ended::Complete
            && self.errors == 0
            && self.timeouts == 0
            && plimsoll_analysis::load::is_sustained(self.achieved(), self.rate)
    }

    /// Counts an answered or timed-out request: its scheduled time from the start of the window, its latency
    /// from then, and its latency from sending if it was sent.
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

/// Encodes a histogram for the record: HdrHistogram's V2 encoding with DEFLATE, in base64.
///
/// # Errors
/// If it does not fit the encoding, which no histogram of this size does.
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
