//! Token buckets: how many requests a client may send to a route, by the recording's clock.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::digest::Fnv;

/// What a route allows each client.
#[derive(Clone, Copy)]
pub struct Limit {
    /// Requests a second.
    pub rate: u64,
    /// Requests at once.
    pub burst: u64,
}

/// What is left, in thousandths of a request.
struct Bucket {
    left: u64,
    filled_ms: u64,
}

/// The buckets of all clients.
#[derive(Default)]
pub struct Limiter {
    buckets: HashMap<(usize, Box<[u8]>), Bucket, BuildHasherDefault<Fnv>>,
}

impl Limiter {
    /// Takes a request out of the client's bucket, if there is one in it.
    pub fn admits(&mut self, route: usize, client: &[u8], limit: Limit, now_ms: u64) -> bool {
        let bucket = self
            .buckets
            .entry((route, client.into()))
            .or_insert(Bucket {
                left: limit.burst * 1000,
                filled_ms: now_ms,
            });
        // `rate` a second are as many thousandths a millisecond.
        let gained = now_ms.saturating_sub(bucket.filled_ms) * limit.rate;
        bucket.left = (bucket.left + gained).min(limit.burst * 1000);
        bucket.filled_ms = now_ms;
        let admitted = bucket.left >= 1000;
        if admitted {
            bucket.left -= 1000;
        }
        admitted
    }
}
