//! What stands after `?` in a target.

/// The value of `name` in a query, decoded; `None` if it is not there.
///
/// Errors: an escape that is none, or that decodes to what is no text.
pub fn parameter(query: &str, name: &str) -> Result<Option<String>, &'static str> {
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if key == name {
            return decode(value).map(Some);
        }
    }
    Ok(None)
}

fn decode(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || (rest.next()? as char).to_digit(16);
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err("an escape in the query is none");
                };
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| "the query is not text")
}
