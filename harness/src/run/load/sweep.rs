//! Offers increasing rates, up to the first that the server does not sustain.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use plimsoll_record::run::Load;

use super::exchange::Exchange;
use super::generator::{Offer, Watch, run};
use super::measured::{Ended, Measured};

/// Offers the rates of `load` in order and returns the results. Stops early after the first rate that is not
/// sustained (the last of the list), if the server is gone, and on an interruption.
///
/// # Errors
/// As [`run`].
pub fn sweep(
    load: &Load,
    address: SocketAddr,
    exchanges: &[Exchange],
    watch: Watch<'_>,
) -> io::Result<Vec<Measured>> {
    let mut offer = Offer {
        address,
        exchanges,
        rate: load.rates.first().copied().unwrap_or(1),
        window: Duration::from_nanos(load.warm_up_ns),
        connections: load.connections as usize,
        timeout: Duration::from_nanos(load.timeout_ns),
    };
    let mut all = Vec::new();
    if !offer.window.is_zero() {
        let warm_up = run(&offer, watch)?;
        // The warm-up's result matters only if it ended the sweep.
        if warm_up.ended != Ended::Complete || warm_up.wrong.is_some() {
            all.push(warm_up);
            return Ok(all);
        }
    }
    offer.window = Duration::from_nanos(load.window_ns);
    for &rate in &load.rates {
        offer.rate = rate;
        let measured = run(&offer, watch)?;
        let sustained = measured.is_sustained();
        all.push(measured);
        if !sustained {
            break;
        }
    }
    Ok(all)
}
