//! What a row says, if it says it right.

/// A sale, as it is aggregated.
pub struct Sale {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub device: u32,
    /// Place in [`COUNTRIES`].
    pub country: usize,
    /// Place in [`KINDS`].
    pub kind: usize,
    /// Hundredths of a euro.
    pub cents: i64,
    pub note_bytes: usize,
}

pub const COUNTRIES: [&str; 12] = [
    "AT", "BE", "CH", "DE", "ES", "FR", "GB", "IT", "NL", "PL", "SE", "US",
];
pub const KINDS: [&str; 5] = ["sale", "refund", "rental", "subscription", "test"];
/// Code, and what a hundred of it are in hundredths of a euro.
pub const CURRENCIES: [(&str, i64); 6] = [
    ("EUR", 100),
    ("USD", 86),
    ("GBP", 115),
    ("CHF", 107),
    ("SEK", 9),
    ("PLN", 23),
];

/// What is wrong with a row, by its place in [`Wrong::NAMES`].
#[derive(Clone, Copy)]
pub enum Wrong {
    Fields,
    Time,
    Device,
    Country,
    Kind,
    Amount,
    Currency,
}

impl Wrong {
    pub const NAMES: [&str; 7] = [
        "fields", "time", "device", "country", "kind", "amount", "currency",
    ];
}

/// Reads `time,device,country,kind,amount,currency,note`.
pub fn sale(fields: &crate::csv::Fields<'_>) -> Result<Sale, Wrong> {
    if fields.count() != 7 {
        return Err(Wrong::Fields);
    }
    let place = |list: &[&str], field: &[u8]| list.iter().position(|name| name.as_bytes() == field);
    let device = fields
        .get(1)
        .strip_prefix(b"dev-")
        .and_then(digits)
        .ok_or(Wrong::Device)?;
    let hundredths = amount(fields.get(4)).ok_or(Wrong::Amount)?;
    let currency = fields.get(5);
    let rate = CURRENCIES
        .iter()
        .find(|(code, _)| code.as_bytes() == currency);
    let (_, rate) = rate.ok_or(Wrong::Currency)?;
    Ok(Sale {
        at_ms: time(fields.get(0)).ok_or(Wrong::Time)?,
        device: u32::try_from(device).map_err(|_| Wrong::Device)?,
        country: place(&COUNTRIES, fields.get(2)).ok_or(Wrong::Country)?,
        kind: place(&KINDS, fields.get(3)).ok_or(Wrong::Kind)?,
        cents: hundredths * rate / 100,
        note_bytes: fields.get(6).len(),
    })
}

/// `-1234.56` in hundredths.
fn amount(field: &[u8]) -> Option<i64> {
    let (sign, field) = match field.strip_prefix(b"-") {
        Some(rest) => (-1, rest),
        None => (1, field),
    };
    let point = field.iter().position(|&byte| byte == b'.')?;
    let (whole, fraction) = (&field[..point], &field[point + 1..]);
    if fraction.len() != 2 {
        return None;
    }
    Some(sign * (digits(whole)? * 100 + digits(fraction)?))
}

/// `2026-01-05T12:34:56.789Z` in milliseconds since 1970.
fn time(field: &[u8]) -> Option<i64> {
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
        (23, b'Z'),
    ];
    if field.len() != 24 || marks.iter().any(|&(at, mark)| field[at] != mark) {
        return None;
    }
    let part = |from: usize, to: usize| digits(&field[from..to]);
    let (month, day) = (part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let seconds = ((days(part(0, 4)?, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1000 + part(20, 23)?)
}

/// Days since 1970 of a date (Gregorian; years begin in March, so that leap days come last).
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

fn digits(field: &[u8]) -> Option<i64> {
    if field.is_empty() || field.len() > 12 {
        return None;
    }
    field.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + i64::from(byte - b'0'))
    })
}
