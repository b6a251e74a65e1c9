//! What is sent: the request as its upstream gets it, or the gateway's own answer.

use std::io::Write;

use crate::config::{Piece, Route};
use crate::request::Request;
use crate::token::Claims;

/// What concerns one connection only (RFC 9110, 7.6.1), and what the upstream is told in other words.
const DROPPED: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "authorization",
];

/// Writes the request as its upstream gets it.
pub fn write(
    out: &mut Vec<u8>,
    request: &Request<'_>,
    route: &Route,
    parameters: &[&str],
    server: &str,
    token: Option<&Claims>,
    sequence: u64,
) {
    out.extend_from_slice(request.method.as_bytes());
    out.push(b' ');
    for piece in &route.template {
        let text = match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Parameter(place) => parameters.get(*place).copied().unwrap_or_default(),
        };
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(request.query.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    header(out, "Host", server);

    let named = request.header("connection").unwrap_or_default();
    let mut forwarded_for = "";
    let mut via = "";
    for &(name, value) in &request.headers {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("x-forwarded-for") {
            forwarded_for = value;
        } else if is("via") {
            via = value;
        } else if !DROPPED.iter().any(|&dropped| is(dropped))
            && !is("x-request-id")
            && !is("x-auth-subject")
            && !named.split(',').any(|other| is(other.trim()))
        {
            header(out, name, value);
        }
    }
    listed(out, "X-Forwarded-For", forwarded_for, request.client);
    header(
        out,
        "X-Forwarded-Host",
        request.header("host").unwrap_or_default(),
    );
    listed(out, "Via", via, "1.1 gateway");
    if let Some(claims) = token {
        header(out, "X-Auth-Subject", &claims.subject);
    }
    request_id(out, sequence);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(request.body);
}

/// Writes the gateway's own answer.
pub fn refuse(out: &mut Vec<u8>, status: u16, sequence: u64) {
    let reason = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Too Many Requests",
    };
    // Writing to a Vec cannot fail.
    let _ = write!(out, "HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\n");
    request_id(out, sequence);
    out.extend_from_slice(b"\r\n");
}

fn request_id(out: &mut Vec<u8>, sequence: u64) {
    // SplitMix64's last step: ids that look unlike each other, from a counter.
    let mut id = sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let _ = write!(out, "X-Request-Id: {:016x}\r\n", id ^ (id >> 31));
}

fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// A header that holds a list, with one element more.
fn listed(out: &mut Vec<u8>, name: &str, before: &str, last: &str) {
    let comma = if before.is_empty() { "" } else { ", " };
    for part in [name, ": ", before, comma, last, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}
