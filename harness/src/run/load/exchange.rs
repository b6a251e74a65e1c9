//! Requests with their expected responses.

use thiserror::Error;

/// Maximum number of header fields in a message.
pub(super) const FIELDS: usize = 32;

/// A request with its expected response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The complete request in wire format.
    pub request: Vec<u8>,
    /// The complete expected response in wire format; see [`super::verdict`] for what may differ.
    pub response: Vec<u8>,
}

/// Why two files do not form a list of exchanges.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExchangeError {
    /// A message is not valid HTTP/1.1.
    #[error("{what} {number} is no HTTP/1.1 {what}: {why}")]
    Malformed {
        /// `request` or `response`.
        what: &'static str,
        /// Its number, from 1.
        number: usize,
        /// The parser's error.
        why: String,
    },
    /// The numbers of requests and responses differ.
    #[error("there are {requests} requests and {responses} responses; give one for each")]
    Unequal {
        /// Number of requests.
        requests: usize,
        /// Number of responses.
        responses: usize,
    },
    /// There is no request.
    #[error("there is no request")]
    None,
}

/// Splits concatenated requests and responses, and pairs them.
///
/// # Errors
/// [`ExchangeError`].
pub fn pair(requests: &[u8], responses: &[u8]) -> Result<Vec<Exchange>, ExchangeError> {
    let requests = split(requests, "request", |bytes| {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let status = request.parse(bytes).map_err(|error| error.to_string())?;
        whole(status, request.headers, bytes)
    })?;
    let responses = split(responses, "response", |bytes| {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let status = response.parse(bytes).map_err(|error| error.to_string())?;
        whole(status, response.headers, bytes)
    })?;
    if requests.len() != responses.len() {
        return Err(ExchangeError::Unequal {
            requests: requests.len(),
            responses: responses.len(),
        });
    }
    if requests.is_empty() {
        return Err(ExchangeError::None);
    }
    Ok(requests
        .into_iter()
        .zip(responses)
        .map(|(request, response)| Exchange {
            request: request.to_vec(),
            response: response.to_vec(),
        })
        .collect())
}

fn split<'a>(
    mut bytes: &'a [u8],
    what: &'static str,
    length: impl Fn(&[u8]) -> Result<usize, String>,
) -> Result<Vec<&'a [u8]>, ExchangeError> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let length = length(bytes).map_err(|why| ExchangeError::Malformed {
            what,
            number: messages.len() + 1,
            why,
        })?;
        let (message, rest) = bytes.split_at(length);
        messages.push(message);
        bytes = rest;
    }
    Ok(messages)
}

/// The length of the first message, including its body.
fn whole(
    status: httparse::Status<usize>,
    fields: &[httparse::Header<'_>],
    bytes: &[u8],
) -> Result<usize, String> {
    let httparse::Status::Complete(head) = status else {
        return Err("its fields do not end".to_owned());
    };
    let body = match fields
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("content-length"))
    {
        None => 0,
        Some(field) => std::str::from_utf8(field.value)
            .ok()
            .and_then(|text| text.trim().parse::<usize>().ok())
            .ok_or("its content-length is no number")?,
    };
    match bytes.len() - head < body {
        true => Err("its body is cut short".to_owned()),
        false => Ok(head + body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: &[u8] =
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    const RESPONSES: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyesHTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

    #[test]
    fn requests_and_responses_are_paired_with_their_bodies() {
        let pairs = pair(REQUESTS, RESPONSES).unwrap();
        assert_eq!(pairs.len(), 2);
        assert!(pairs[0].response.ends_with(b"yes"));
        assert!(pairs[1].request.ends_with(b"hi"));
    }

    #[test]
    fn a_response_too_few_and_a_body_cut_short_are_refused() {
        let first = &RESPONSES[..RESPONSES.len() - 45];
        assert!(first.ends_with(b"yes"));
        assert_eq!(
            pair(REQUESTS, first),
            Err(ExchangeError::Unequal {
                requests: 2,
                responses: 1
            })
        );
        let error = pair(&REQUESTS[..REQUESTS.len() - 1], RESPONSES).unwrap_err();
        assert_eq!(
            error.to_string(),
            "request 2 is no HTTP/1.1 request: its body is cut short"
        );
    }
}
