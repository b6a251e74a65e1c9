//! An API gateway without its sockets: a recorded stream of requests in, rewritten requests out.
//!
//! ```text
//! gateway CONFIG REQUESTS PASSES
//! ```
//!
//! Each request is parsed, its path normalised, its route found, its token verified, its client held
//! to a rate, its headers and path rewritten and a server chosen for it. What would be sent, or
//! answered, enters one digest. Time and the client's address are the recording's own.

mod config;
mod digest;
mod forward;
mod limit;
mod request;
mod routes;
mod token;

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use config::Config;
use digest::Fnv;
use limit::Limiter;
use request::Request;
use routes::Found;

/// Between the end of a pass over the recording and the begin of the next, milliseconds.
const PAUSE_MS: u64 = 250;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [config, requests, passes] = &args[..] else {
        eprintln!("usage: gateway CONFIG REQUESTS PASSES");
        return ExitCode::from(2);
    };
    match run(config, requests, passes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What became of the requests.
#[derive(Default)]
struct Counts {
    /// Sent on, by upstream.
    forwarded: Vec<u64>,
    /// Answered by the gateway itself, by status.
    refused: [u64; STATUSES.len()],
    bytes_in: u64,
    bytes_out: u64,
}

const STATUSES: [u16; 6] = [400, 401, 403, 404, 405, 429];

fn run(config: &str, requests: &str, passes: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let read = |path: &str| fs::read(path).map_err(|error| format!("reading {path}: {error}"));
    let passes: u32 = passes
        .parse()
        .map_err(|_| format!("{passes:?} is no number of passes"))?;
    let config = Config::parse(&read(config)?)?;
    let recorded = read(requests)?;
    print(&mut out, format_args!("{} routes", config.routes.len()))?;

    let mut counts = Counts {
        forwarded: vec![0; config.upstreams.len()],
        ..Counts::default()
    };
    let mut limiter = Limiter::default();
    let mut digest = Fnv::default();
    let mut sent = Vec::with_capacity(4096);
    let mut sequence = 0;
    let mut offset_ms = 0;
    for _ in 0..passes {
        let mut rest = &recorded[..];
        let mut last_ms = 0;
        while !rest.is_empty() {
            let (request, length) = Request::parse(rest)?;
            last_ms = request.recorded_ms;
            sequence += 1;
            sent.clear();
            let now_ms = offset_ms + request.recorded_ms;
            match handle(&config, &mut limiter, &request, now_ms, sequence, &mut sent) {
                Ok(upstream) => counts.forwarded[upstream] += 1,
                Err(status) => {
                    forward::refuse(&mut sent, status, sequence);
                    let known = STATUSES.iter().position(|&known| known == status);
                    counts.refused[known.ok_or("a status that is not counted")?] += 1;
                }
            }
            digest.write(&sent);
            counts.bytes_in += length as u64;
            counts.bytes_out += sent.len() as u64;
            rest = &rest[length..];
        }
        offset_ms += last_ms + PAUSE_MS;
    }

    print(
        &mut out,
        format_args!(
            "{sequence} requests, {} bytes in, {} bytes out",
            counts.bytes_in, counts.bytes_out
        ),
    )?;
    for (upstream, count) in config.upstreams.iter().zip(&counts.forwarded) {
        print(&mut out, format_args!("to {}: {count}", upstream.name))?;
    }
    for (status, count) in STATUSES.iter().zip(&counts.refused) {
        print(&mut out, format_args!("{status}: {count}"))?;
    }
    print(&mut out, format_args!("digest {:016x}", digest.finish()))
}

fn print(out: &mut impl Write, line: std::fmt::Arguments<'_>) -> Result<(), String> {
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| format!("printing: {error}"))
}

/// Writes what is sent to the upstream that is given, or gives the status to answer with.
fn handle(
    config: &Config,
    limiter: &mut Limiter,
    request: &Request<'_>,
    now_ms: u64,
    sequence: u64,
    sent: &mut Vec<u8>,
) -> Result<usize, u16> {
    let path = request::normalise(request.path).ok_or(400_u16)?;
    let mut parameters = Vec::with_capacity(4);
    let route = match config.table.find(request.method, &path, &mut parameters) {
        Found::Route(route) => &config.routes[route],
        Found::OtherMethod => return Err(405),
        Found::Nothing => return Err(404),
    };
    let subject = match &route.scope {
        None => None,
        Some(scope) => {
            let seconds = config.epoch + now_ms / 1000;
            let token = request.header("authorization").ok_or(401_u16)?;
            let claims = token::verify(token, &config.keys, seconds).ok_or(401_u16)?;
            if !claims.scopes().any(|held| held == scope) {
                return Err(403);
            }
            Some(claims)
        }
    };
    let client = match &subject {
        Some(claims) => claims.subject.as_bytes(),
        None => request.client.as_bytes(),
    };
    if let Some(limit) = route.limit
        && !limiter.admits(route.number, client, limit, now_ms)
    {
        return Err(429);
    }
    let upstream = &config.upstreams[route.upstream];
    let server = upstream.server(client);
    forward::write(
        sent,
        request,
        route,
        &parameters,
        server,
        subject.as_ref(),
        sequence,
    );
    Ok(route.upstream)
}
