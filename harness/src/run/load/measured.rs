//! What came of one rate: histograms and counts.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer, V2SerializeError};

/// Longest latency that a histogram holds, nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;
/// Significant digits of a histogram's values.
const DIGITS: u8 = 3;

/// Part of the offered rate that must be achieved for the rate to count as carried.
pub const CARRIED: f64 = 0.95;

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
    /// Nothing yet.
    pub fn new(rate: u64) -> Self {
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
    pub fn is_carried(&self) -> bool {
        self.ended == Ended::Complete
            && self.errors == 0
            && self.timeouts == 0
            && self.achieved() >= CARRIED * self.rate as f64
    }

    /// Whether every request was answered as it should be, or given up.
    pub fn record(&mut self, latency: Duration, service: Option<Duration>) {
        self.latency.saturating_record(nanoseconds(latency));
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
