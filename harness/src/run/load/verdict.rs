//! Compares a response with the expected one.
//!
//! A response is correct if its status, every expected field and (byte for byte) its body are. A server that
//! speaks HTTP itself may add fields such as a date, reorder them and change the status text, because none of
//! these come from the guest.

use super::exchange::FIELDS;

/// Maximum size of fields that a server may add, bytes.
pub const ADDED: usize = 1024;
/// Length of the status line up to the status code: `HTTP/1.1 200`.
const STATUS: usize = 12;

/// The state of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Incomplete, and correct so far.
    Partial,
    /// Complete and correct.
    Right,
    /// Wrong; with the difference.
    Wrong(String),
}

/// Compares the bytes read so far with the whole expected response.
pub fn judge(found: &[u8], expected: &[u8]) -> Verdict {
    // A guest's own response arrives unchanged and needs no parsing.
    let both = found.len().min(expected.len());
    if found[..both] == expected[..both] {
        return match found.len().cmp(&expected.len()) {
            std::cmp::Ordering::Less => Verdict::Partial,
            std::cmp::Ordering::Equal => Verdict::Right,
            std::cmp::Ordering::Greater => Verdict::Wrong(difference(found, expected)),
        };
    }
    understood(found, expected).unwrap_or_else(|| Verdict::Wrong(difference(found, expected)))
}

/// As [`judge`], for a response that is not identical; `None` if it differs where it must not.
fn understood(found: &[u8], expected: &[u8]) -> Option<Verdict> {
    let status = STATUS.min(found.len());
    if found[..status] != expected[..status.min(expected.len())] {
        return None;
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut expected_fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let mut wanted = httparse::Response::new(&mut expected_fields);
    let httparse::Status::Complete(expected_head) = wanted.parse(expected).ok()? else {
        return None;
    };
    let head = match response.parse(found).ok()? {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial if found.len() < expected_head + ADDED => {
            return Some(Verdict::Partial);
        }
        httparse::Status::Partial => return None,
    };
    for field in wanted.headers.iter() {
        let named = |other: &&httparse::Header<'_>| other.name.eq_ignore_ascii_case(field.name);
        let same = response.headers.iter().find(named);
        if let Some(other) = same {
            if other.value != field.value {
                return Some(Verdict::Wrong(format!(
                    "the field {} is {:?} instead of {:?}",
                    field.name,
                    String::from_utf8_lossy(other.value),
                    String::from_utf8_lossy(field.value)
                )));
            }
        } else {
            return Some(Verdict::Wrong(format!("there is no field {}", field.name)));
        }
    }
    let (body, expected_body) = (&found[head..], &expected[expected_head..]);
    match expected_body.strip_prefix(body) {
        Some([]) => Some(Verdict::Right),
        Some(_) => Some(Verdict::Partial),
        None => Some(Verdict::Wrong(difference(body, expected_body))),
    }
}

/// Describes how bytes differ from the expected ones.
fn difference(found: &[u8], expected: &[u8]) -> String {
    let line = |bytes: &[u8]| {
        let line = bytes.split(|&b| b == b'\r' || b == b'\n').next();
        let line: Vec<u8> = line.unwrap_or_default().iter().copied().take(60).collect();
        String::from_utf8_lossy(&line).into_owned()
    };
    if line(found) != line(expected) {
        return format!("{:?} instead of {:?}", line(found), line(expected));
    }
    let at = found
        .iter()
        .zip(expected)
        .position(|(found, expected)| found != expected)
        .unwrap_or(expected.len());
    let near = |bytes: &[u8]| {
        let from = at.saturating_sub(10).min(bytes.len());
        String::from_utf8_lossy(&bytes[from..(at + 20).min(bytes.len())]).into_owned()
    };
    format!(
        "from byte {at} of the response on, {:?} instead of {:?}",
        near(found),
        near(expected)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: &[u8] =
        b"HTTP/1.1 422 Unprocessable Content\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nyes";

    #[test]
    fn every_beginning_of_the_expected_response_is_partial_and_the_whole_is_right() {
        for end in 0..EXPECTED.len() {
            assert_eq!(judge(&EXPECTED[..end], EXPECTED), Verdict::Partial, "{end}");
        }
        assert_eq!(judge(EXPECTED, EXPECTED), Verdict::Right);
    }

    #[test]
    fn a_server_may_add_fields_order_them_otherwise_and_word_the_status_itself() {
        let other = b"HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 3\r\ncontent-type: text/plain\r\ndate: Sun, 22 Nov 2026 18:00:00 GMT\r\n\r\nyes";
        for end in 0..other.len() {
            assert_eq!(judge(&other[..end], EXPECTED), Verdict::Partial, "{end}");
        }
        assert_eq!(judge(other, EXPECTED), Verdict::Right);
    }

    #[test]
    fn another_status_field_or_body_is_wrong_however_it_is_worded() {
        for (other, said) in [
            (&b"HTTP/1.1 200 OK\r\n"[..], "HTTP/1.1 200 OK"),
            (
                b"HTTP/1.1 422 X\r\ncontent-type: text/html\r\ncontent-length: 3\r\n\r\nyes",
                "content-type is \"text/html\" instead of \"text/plain\"",
            ),
            (
                b"HTTP/1.1 422 X\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n3",
                "no field content-length",
            ),
            (
                b"HTTP/1.1 422 X\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nno",
                "\"no\" instead of \"yes\"",
            ),
            (
                b"HTTP/1.1 422 X\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nyes!",
                "\"yes!\" instead of \"yes\"",
            ),
        ] {
            match judge(other, EXPECTED) {
                Verdict::Wrong(how) => assert!(how.contains(said), "{how}"),
                verdict => panic!("{verdict:?} of {}", String::from_utf8_lossy(other)),
            }
        }
    }

    #[test]
    fn what_never_ends_its_fields_is_wrong_at_last() {
        let mut endless = b"HTTP/1.1 422 X\r\nx: ".to_vec();
        endless.resize(EXPECTED.len() + ADDED, b'x');
        assert!(matches!(judge(&endless, EXPECTED), Verdict::Wrong(_)));
    }
}
