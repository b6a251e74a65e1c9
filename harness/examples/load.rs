//! Runs the load generator alone: offers a rate to a server and prints the results.
//!
//! ```text
//! load ADDRESS RATE SECONDS CONNECTIONS
//! ```
//!
//! Requests `GET /`, and expects the response of `trivial-server`. Prints one line of JSON.

use std::time::Duration;

use anyhow::{Context, bail};
use plimsoll::run::load::{Exchange, Offer, Watch, run};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, rate, seconds, connections] = args.as_slice() else {
        bail!("usage: load ADDRESS RATE SECONDS CONNECTIONS");
    };
    let exchanges = [Exchange {
        request: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        response: b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"
            .to_vec(),
    }];
    let offer = Offer {
        address: address.parse().context("ADDRESS")?,
        exchanges: &exchanges,
        rate: rate.parse().context("RATE")?,
        window: Duration::from_secs_f64(seconds.parse().context("SECONDS")?),
        connections: connections.parse().context("CONNECTIONS")?,
        timeout: Duration::from_secs(10),
    };
    let measured = run(&offer, Watch::default())?;
    let of = |quantile| measured.latency.value_at_quantile(quantile) as f64 / 1e3;
    let sent = |quantile| measured.service.value_at_quantile(quantile) as f64 / 1e3;
    println!(
        "{}",
        serde_json::json!({
            "offered": offer.rate,
            "achieved": measured.achieved(),
            "answered": measured.answered,
            "errors": measured.errors,
            "timeouts": measured.timeouts,
            "latency_us": { "mean": measured.latency.mean() / 1e3, "p50": of(0.5), "p90": of(0.9), "p99": of(0.99), "p99.9": of(0.999), "max": of(1.0) },
            "from_sent_us": { "mean": measured.service.mean() / 1e3, "p50": sent(0.5), "p90": sent(0.9), "p99": sent(0.99), "p99.9": sent(0.999), "max": sent(1.0) },
            "broken": measured.broken,
            "wrong": measured.wrong,
        })
    );
    Ok(())
}
