//! A request as it was recorded: HTTP/1.1, with two headers that the recorder added.

/// When a request came in, milliseconds since the recording began.
const RECORDED_AT: &str = "x-recorded-at";
/// Whom it came from.
const CLIENT: &str = "x-recorded-client";

/// One request, borrowed from the recording.
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// With its question mark; empty if there is none.
    pub query: &'a str,
    /// Names as they were sent.
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
    pub recorded_ms: u64,
    pub client: &'a str,
}

impl<'a> Request<'a> {
    /// The first request in `bytes`, and its length.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, usize), String> {
        let head_length = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .ok_or("a request's head has no end")?;
        let head = std::str::from_utf8(&bytes[..head_length])
            .map_err(|_| "a request's head is not UTF-8")?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let mut words = first.split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1"), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(format!("{first:?} is no request line"));
        };
        let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        let mut request = Request {
            method,
            path,
            query,
            headers: Vec::with_capacity(16),
            body: &[],
            recorded_ms: 0,
            client: "",
        };
        let mut body_length = 0;
        for line in lines {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| format!("{line:?} is no header"))?;
            let value = value.trim_matches([' ', '\t']);
            let number = || value.parse().map_err(|_| format!("{line:?} is no number"));
            if name.eq_ignore_ascii_case(RECORDED_AT) {
                request.recorded_ms = number()?;
                continue;
            }
            if name.eq_ignore_ascii_case(CLIENT) {
                request.client = value;
                continue;
            }
            if name.eq_ignore_ascii_case("content-length") {
                body_length = number()? as usize;
            }
            request.headers.push((name, value));
        }
        let begin = head_length + 4;
        let end = begin + body_length;
        request.body = bytes
            .get(begin..end)
            .ok_or("a request's body is cut short")?;
        Ok((request, end))
    }

    /// The value of the first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(held, _)| held.eq_ignore_ascii_case(name))
            .map(|&(_, value)| value)
    }
}

/// The path with its escapes of unreserved characters undone and its dot segments gone (RFC 3986,
/// 6.2.2). None if it is no path, or leads out of the root.
pub fn normalise(path: &str) -> Option<String> {
    let bytes = path.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'%' {
            plain.push(bytes[at]);
            at += 1;
            continue;
        }
        let digit = |at: usize| {
            bytes
                .get(at)
                .and_then(|&byte| char::from(byte).to_digit(16))
        };
        let byte = (digit(at + 1)? * 16 + digit(at + 2)?) as u8;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            plain.push(byte);
        } else {
            plain.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
        at += 3;
    }
    let plain = String::from_utf8(plain).ok()?;
    let mut segments: Vec<&str> = Vec::with_capacity(8);
    for segment in plain.strip_prefix('/')?.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            _ => segments.push(segment),
        }
    }
    let mut normal = String::with_capacity(plain.len());
    for segment in segments {
        normal.push('/');
        normal.push_str(segment);
    }
    if normal.is_empty() {
        normal.push('/');
    }
    Some(normal)
}
