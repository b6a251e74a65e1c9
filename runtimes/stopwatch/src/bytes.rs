//! A guest's output bytes in JSON: a string if they are UTF-8, else `{"base64": ".."}`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};

/// Output bytes of a guest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct GuestBytes(pub Vec<u8>);

impl From<&[u8]> for GuestBytes {
    fn from(bytes: &[u8]) -> Self {
        GuestBytes(bytes.to_owned())
    }
}

impl<T: AsRef<[u8]>> PartialEq<T> for GuestBytes {
    fn eq(&self, bytes: &T) -> bool {
        self.0 == bytes.as_ref()
    }
}

impl From<&str> for GuestBytes {
    fn from(text: &str) -> Self {
        GuestBytes(text.as_bytes().to_owned())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire {
    Text(String),
    Base64 { base64: String },
}

impl From<GuestBytes> for Wire {
    fn from(GuestBytes(bytes): GuestBytes) -> Self {
        String::from_utf8(bytes).map_or_else(
            |error| Wire::Base64 {
                base64: BASE64_STANDARD.encode(error.as_bytes()),
            },
            Wire::Text,
        )
    }
}

impl TryFrom<Wire> for GuestBytes {
    type Error = base64::DecodeError;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        match wire {
            Wire::Text(text) => Ok(GuestBytes(text.into_bytes())),
            Wire::Base64 { base64 } => BASE64_STANDARD.decode(base64).map(GuestBytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() -> Result<(), serde_json::Error> {
        for (bytes, json) in [
            (&b"a\n"[..], r#""a\n""#),
            (b"", r#""""#),
            (b"a\xff\0", r#"{"base64":"Yf8A"}"#),
        ] {
            let wire = serde_json::to_string(&GuestBytes::from(bytes))?;
            assert_eq!(wire, json);
            assert_eq!(serde_json::from_str::<GuestBytes>(&wire)?.0, bytes);
        }
        Ok(())
    }
}
