//! HTTP/1.1, as far as a service behind a load balancer needs it (RFC 9112): request line, fields,
//! bodies by Content-Length, persistent connections.

use std::io::{self, Read, Write};

use crate::message::{BODY_LIMIT, BODY_TOO_LARGE, Request, Response, Status};

/// Most bytes of a request line and its fields.
const HEAD_LIMIT: usize = 16 << 10;

/// A request, and whether another one may follow it.
pub struct Received<'a> {
    pub request: Request<'a>,
    connection: &'a str,
    http_1_0: bool,
}

impl Received<'_> {
    /// Whether the connection ends after the response.
    pub fn closes(&self) -> bool {
        match self.http_1_0 {
            true => !self.connection.eq_ignore_ascii_case("keep-alive"),
            false => self.connection.eq_ignore_ascii_case("close"),
        }
    }
}

/// Why no further request can be read.
pub enum Broken {
    Io(io::Error),
    /// The status to answer with, and why.
    Request(Status, &'static str),
}

fn line(status: Status) -> &'static str {
    match status {
        Status::Ok => "HTTP/1.1 200 OK\r\n",
        Status::BadRequest => "HTTP/1.1 400 Bad Request\r\n",
        Status::NotFound => "HTTP/1.1 404 Not Found\r\n",
        Status::MethodNotAllowed => "HTTP/1.1 405 Method Not Allowed\r\n",
        Status::LengthRequired => "HTTP/1.1 411 Length Required\r\n",
        Status::ContentTooLarge => "HTTP/1.1 413 Content Too Large\r\n",
        Status::UnprocessableContent => "HTTP/1.1 422 Unprocessable Content\r\n",
        Status::FieldsTooLarge => "HTTP/1.1 431 Request Header Fields Too Large\r\n",
        Status::VersionNotSupported => "HTTP/1.1 505 HTTP Version Not Supported\r\n",
    }
}

/// The requests of one connection.
pub struct Requests<R> {
    input: R,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that belong to the request given out last.
    used: usize,
    /// Bytes of the buffer that were read.
    filled: usize,
}

impl<R: Read> Requests<R> {
    pub fn new(input: R) -> Self {
        Requests {
            input,
            buffer: vec![0; 8 << 10],
            used: 0,
            filled: 0,
        }
    }

    /// The next request; `None` when the connection ended between two.
    pub fn next(&mut self) -> Result<Option<Received<'_>>, Broken> {
        self.buffer.copy_within(self.used..self.filled, 0);
        self.filled -= self.used;
        self.used = 0;
        let mut searched = 0;
        let head = loop {
            if let Some(end) = head_end(&self.buffer[..self.filled], searched) {
                break end;
            }
            searched = self.filled.saturating_sub(3);
            if self.filled > HEAD_LIMIT {
                return Err(Broken::Request(
                    Status::FieldsTooLarge,
                    "the fields are too large",
                ));
            }
            if !self.fill()? {
                return match self.buffer[..self.filled]
                    .iter()
                    .all(u8::is_ascii_whitespace)
                {
                    true => Ok(None),
                    false => Err(Broken::Request(
                        Status::BadRequest,
                        "the request is cut short",
                    )),
                };
            }
        };
        let body = {
            let text = head_text(&self.buffer[..head])?;
            let parsed = parse(text)?;
            if parsed.length > BODY_LIMIT {
                return Err(Broken::Request(Status::ContentTooLarge, BODY_TOO_LARGE));
            }
            parsed.length
        };
        while self.filled < head + body {
            if !self.fill()? {
                return Err(Broken::Request(Status::BadRequest, "the body is cut short"));
            }
        }
        self.used = head + body;
        let (head, rest) = self.buffer.split_at(head);
        let parsed = parse(head_text(head)?)?;
        let (path, query) = parsed.target.split_once('?').unwrap_or((parsed.target, ""));
        Ok(Some(Received {
            request: Request {
                method: parsed.method,
                path,
                query,
                body: &rest[..body],
            },
            connection: parsed.connection,
            http_1_0: parsed.http_1_0,
        }))
    }

    /// Reads more; false at the end.
    fn fill(&mut self) -> Result<bool, Broken> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.filled += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Broken::Io(error)),
            }
        }
    }
}

/// Where the head ends: behind the empty line.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let at = bytes[from..]
        .windows(4)
        .position(|four| four == b"\r\n\r\n")?;
    Some(from + at + 4)
}

fn head_text(head: &[u8]) -> Result<&str, Broken> {
    std::str::from_utf8(head)
        .map_err(|_| Broken::Request(Status::BadRequest, "the fields are not text"))
}

struct Head<'a> {
    method: &'a str,
    target: &'a str,
    http_1_0: bool,
    connection: &'a str,
    length: usize,
}

fn parse(head: &str) -> Result<Head<'_>, Broken> {
    let bad = |why| Broken::Request(Status::BadRequest, why);
    let mut lines = head.split("\r\n");
    // An empty line before a request is to be passed over (RFC 9112, 2.2).
    let first = lines
        .find(|line| !line.is_empty())
        .ok_or(bad("there is no request line"))?;
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad("the request line has not three words"));
    };
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(bad("the method is none"));
    }
    if !target.starts_with('/') {
        return Err(bad("the target is not a path"));
    }
    let http_1_0 = match version {
        "HTTP/1.1" => false,
        "HTTP/1.0" => true,
        _ if version.starts_with("HTTP/") => {
            return Err(Broken::Request(
                Status::VersionNotSupported,
                "only HTTP/1 is spoken",
            ));
        }
        _ => return Err(bad("the version is none")),
    };
    let mut connection = "";
    let mut length = None;
    let mut host = false;
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(bad("a field has no colon"))?;
        if name.is_empty() || name.ends_with([' ', '\t']) {
            return Err(bad("a field's name is none"));
        }
        let value = value.trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case("content-length") {
            let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
            let bytes = value
                .parse()
                .ok()
                .filter(|_| digits)
                .ok_or(bad("the length is no number"))?;
            if length.is_some_and(|before| before != bytes) {
                return Err(bad("there are two lengths"));
            }
            length = Some(bytes);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Broken::Request(
                Status::LengthRequired,
                "a body needs a Content-Length",
            ));
        } else if name.eq_ignore_ascii_case("connection") {
            connection = value;
        } else if name.eq_ignore_ascii_case("host") {
            host = true;
        }
    }
    if !host && !http_1_0 {
        return Err(bad("there is no Host"));
    }
    Ok(Head {
        method,
        target,
        http_1_0,
        connection,
        length: length.unwrap_or(0),
    })
}

/// Writes a response; `fields` are further lines, each with its end.
pub fn respond(out: &mut Vec<u8>, response: &Response, fields: &str) {
    out.extend_from_slice(line(response.status).as_bytes());
    out.extend_from_slice(b"content-type: application/json\r\n");
    // Writing to memory does not fail.
    if let Some(method) = response.allow {
        let _ = write!(out, "allow: {method}\r\n");
    }
    let _ = write!(
        out,
        "{fields}content-length: {}\r\n\r\n{}",
        response.body.len(),
        response.body
    );
}

/// Writes the last response of a connection whose request could not be read.
pub fn refuse(out: &mut Vec<u8>, status: Status, why: &str) {
    out.clear();
    respond(
        out,
        &Response::error(status, None, why),
        "connection: close\r\n",
    );
}
