//! Where a request ends: the one thing that a front must know of HTTP to make an instance for each.

/// Most fields that are looked at.
const FIELDS: usize = 64;
/// Most bytes of a request that are kept; what is longer is handed over as it is, to be refused.
const LONGEST: usize = 2 << 20;

/// What stands at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framed {
    /// More must be read.
    Partial,
    /// A request of so many bytes.
    Whole { length: usize, then: Then },
    /// Something that has no end that could be told: the guest is to refuse it.
    Unclear,
}

/// What becomes of the connection after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Stays,
    Closes,
}

/// Looks at the front of `bytes`.
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
