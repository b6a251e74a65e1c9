//! Rate after rate, to the first that the server does not carry.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use plimsoll_record::run::Load;

use super::exchange::Exchange;
use super::generator::{Offer, Watch, run};
use super::measured::{Ended, Measured};

/// Offers the rates of `load` in order and says what came of each. Ends early at the first that
/// is not carried, which is the last of the list then, and when the server goes or the run is
/// asked to end.
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
        // What happened before the first rate is of interest only if it ended everything.
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
