//! Finds the end of a request: all that the server must know of HTTP to give each request its own instance.

/// Maximum number of header fields to parse.
const FIELDS: usize = 64;
/// Maximum number of bytes to buffer per request; a longer request goes to the guest as it is, to be rejected.
const LONGEST: usize = 2 << 20;

/// State of the request at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framed {
    /// Incomplete: read more.
    Partial,
    /// A complete request of `length` bytes.
    Whole { length: usize, then: Then },
    /// No end can be determined: the guest must reject it.
    Unclear,
}

/// Whether the connection stays open after the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Stays,
    Closes,
}

/// Parses the request at the front of `bytes`.
pub(super) fn framed(bytes: &[u8]) -> Framed {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let head = match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) if bytes.len() < LONGEST => return Framed::Partial,
        Ok(httparse::Status::Partial) | Err(_) => return Framed::Unclear,
    };
    let mut length = 0;
    let mut then = match request.version {
        Some(1) => Then::Stays,
        _ => Then::Closes,
    };
    for field in request.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(field.value).unwrap_or_default();
            match text.trim().parse::<usize>() {
                Ok(bytes) if bytes <= LONGEST => length = bytes,
                _ => return Framed::Unclear,
            }
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return Framed::Unclear;
        } else if field.name.eq_ignore_ascii_case("connection") {
            then = match field.value.eq_ignore_ascii_case(b"close") {
                true => Then::Closes,
                false => Then::Stays,
            };
        }
    }
    match bytes.len() < head + length {
        true => Framed::Partial,
        false => Framed::Whole {
            length: head + length,
            then,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_behind_its_body() {
        let bytes = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET";
        let whole = |length| Framed::Whole {
            length,
            then: Then::Stays,
        };
        assert_eq!(framed(bytes), whole(bytes.len() - 3));
        assert_eq!(framed(&bytes[..bytes.len() - 4]), Framed::Partial);
        assert_eq!(framed(b"GET / HTTP/1.1\r\nHost: a\r\n"), Framed::Partial);
    }

    #[test]
    fn a_connection_closes_when_the_request_asks_for_it() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n"[..],
            b"GET / HTTP/1.0\r\n\r\n",
        ] {
            assert!(matches!(
                framed(bytes),
                Framed::Whole {
                    then: Then::Closes,
                    ..
                }
            ));
        }
    }

    #[test]
    fn what_has_no_clear_end_is_left_to_the_guest() {
        for bytes in [
            &b"nonsense\r\n\r\n"[..],
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        ] {
            assert_eq!(framed(bytes), Framed::Unclear);
        }
    }
}
