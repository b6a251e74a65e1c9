//! Histograms of `samples.ndjson`, decoded with bounds: what a file claims of itself must not decide how
//! much memory is taken.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

use crate::line::HistogramLine;

/// First word of HdrHistogram's V2 encoding inside DEFLATE, and of the same without.
const COMPRESSED: u32 = 0x1c84_9314;
const PLAIN: u32 = 0x1c84_9313;
/// Bytes of the header of the V2 encoding.
const HEADER: usize = 40;
/// Most bytes of counts: a histogram of 64-bit values at three digits has at most 55,296 of them, each
/// at most nine bytes long.
const LONGEST: u64 = 512 << 10;
/// The digits that every histogram of a run is recorded with.
const DIGITS: u32 = 3;

impl HistogramLine {
    /// The histogram, in nanoseconds; `None` if the line does not hold a whole one.
    pub fn decoded(&self) -> Option<Histogram<u64>> {
        let bytes = STANDARD.decode(&self.v2).ok()?;
        if word(&bytes, 0)? != COMPRESSED {
            return None;
        }
        let mut plain = Vec::new();
        ZlibDecoder::new(bytes.get(8..)?)
            .take(LONGEST)
            .read_to_end(&mut plain)
            .ok()?;
        let counts = plain.len().checked_sub(HEADER)?;
        let is_whole = word(&plain, 0)? == PLAIN && word(&plain, 4)? as usize == counts;
        if !is_whole || word(&plain, 12)? != DIGITS {
            return None;
        }
        Deserializer::new().deserialize(&mut plain.as_slice()).ok()
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(word.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;
    use crate::{Boundary, Clock};

    fn line(v2: String) -> HistogramLine {
        HistogramLine {
            trial: 0,
            attempt: 0,
            boundary: Boundary::Request,
            clock: Clock::Due,
            at: 500,
            v2,
        }
    }

    /// A line of the plain bytes `plain`, compressed as HdrHistogram does.
    fn compressed(plain: &[u8]) -> HistogramLine {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        let body = encoder.finish().unwrap();
        let mut bytes = COMPRESSED.to_be_bytes().to_vec();
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(&body);
        line(STANDARD.encode(bytes))
    }

    fn plain() -> Vec<u8> {
        use hdrhistogram::serialization::{Serializer, V2Serializer};
        let mut histogram: Histogram<u64> = Histogram::new(3).unwrap();
        for value in 1..2000 {
            histogram.record(value * 1000).unwrap();
        }
        let mut plain = Vec::new();
        V2Serializer::new()
            .serialize(&histogram, &mut plain)
            .unwrap();
        plain
    }

    #[test]
    fn a_whole_histogram_is_decoded() {
        let decoded = compressed(&plain()).decoded().expect("whole");
        assert_eq!(decoded.len(), 1999);
    }

    #[test]
    fn a_header_that_promises_gigabytes_is_damage_and_takes_no_memory() {
        for (at, value) in [(4, 1_u32 << 31), (4, u32::MAX), (12, 5), (12, 0)] {
            let mut plain = plain();
            plain[at..at + 4].copy_from_slice(&value.to_be_bytes());
            assert!(compressed(&plain).decoded().is_none(), "{at} {value}");
        }
        // A bomb: a megabyte of zeros in a kilobyte.
        assert!(compressed(&vec![0; 1 << 20]).decoded().is_none());
    }

    #[test]
    fn what_is_cut_is_damage() {
        let whole = compressed(&plain()).v2;
        for cut in [0, 4, 8, whole.len() / 2 / 4 * 4] {
            assert!(line(whole[..cut].to_owned()).decoded().is_none(), "{cut}");
        }
        assert!(line("no base64".to_owned()).decoded().is_none());
    }
}
