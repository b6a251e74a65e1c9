//! Bearer tokens: JSON Web Tokens signed by HMAC-SHA-256 (RFC 7519, algorithm HS256).

mod sha256;

use sha256::{Sha256, sha256};

const BLOCK: usize = 64;

/// A key that tokens are signed with: the two hashes that every HMAC by it begins with.
pub struct Key {
    name: String,
    inner: Sha256,
    outer: Sha256,
}

/// What a token says.
pub struct Claims {
    pub subject: String,
    scope: String,
}

impl Key {
    /// A key of these bytes (RFC 2104).
    pub fn new(name: &str, secret: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        if secret.len() > BLOCK {
            block[..32].copy_from_slice(&sha256(secret));
        } else {
            block[..secret.len()].copy_from_slice(secret);
        }
        let padded = |pad: u8| {
            let mut hash = Sha256::default();
            hash.update(&block.map(|byte| byte ^ pad));
            hash
        };
        Key {
            name: name.to_owned(),
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    fn sign(&self, message: &[u8]) -> [u8; 32] {
        let mut inner = self.inner.clone();
        inner.update(message);
        let mut outer = self.outer.clone();
        outer.update(&inner.finish());
        outer.finish()
    }
}

impl Claims {
    /// What it allows.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split(' ')
    }
}

/// What the token of an Authorization header says, if it is signed and not too old.
pub fn verify(header: &str, keys: &[Key], now: u64) -> Option<Claims> {
    let token = header.strip_prefix("Bearer ")?;
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, payload) = signed.split_once('.')?;
    let head = json_object(&base64url(head)?)?;
    if member(&head, "alg")? != "HS256" {
        return None;
    }
    let name = member(&head, "kid")?;
    let key = keys.iter().find(|key| key.name == name)?;
    let expected = key.sign(signed.as_bytes());
    let given = base64url(signature)?;
    // Every byte is looked at, however early they differ.
    let differ = expected
        .iter()
        .zip(&given)
        .fold(0, |differ, (a, b)| differ | (a ^ b));
    if given.len() != expected.len() || differ != 0 {
        return None;
    }
    let payload = json_object(&base64url(payload)?)?;
    let expires: u64 = member(&payload, "exp")?.parse().ok()?;
    if now >= expires {
        return None;
    }
    Some(Claims {
        subject: member(&payload, "sub")?.to_owned(),
        scope: member(&payload, "scope")?.to_owned(),
    })
}

/// Base64 in the alphabet for URLs, without padding (RFC 4648, section 5).
fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let mut held = 0_u32;
    let mut bits = 0;
    for &byte in text.as_bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

/// The members of an object of strings and numbers, numbers as they are written.
fn json_object(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut members = Vec::with_capacity(4);
    let mut rest = text
        .trim()
        .strip_prefix('{')?
        .strip_suffix('}')?
        .trim_start();
    while !rest.is_empty() {
        let (name, left) = json_string(rest)?;
        let left = left.trim_start().strip_prefix(':')?.trim_start();
        let (value, left) = if left.starts_with('"') {
            json_string(left)?
        } else {
            let (number, left) = left.split_at(left.find([',', ' ']).unwrap_or(left.len()));
            (number.to_owned(), left)
        };
        members.push((name, value));
        rest = left.trim_start();
        match rest.strip_prefix(',') {
            Some(left) => rest = left.trim_start(),
            None if rest.is_empty() => {}
            None => return None,
        }
    }
    Some(members)
}

fn json_string(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.char_indices();
    let mut string = String::new();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((string, &text[at + 2..])),
            '\\' => match chars.next()?.1 {
                plain @ ('"' | '\\' | '/') => string.push(plain),
                'n' => string.push('\n'),
                't' => string.push('\t'),
                _ => return None,
            },
            char => string.push(char),
        }
    }
    None
}

fn member<'m>(members: &'m [(String, String)], name: &str) -> Option<&'m str> {
    let mut members = members.iter();
    members
        .find(|(held, _)| held == name)
        .map(|(_, value)| value.as_str())
}
