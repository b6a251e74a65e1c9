//! Where the rows come from: made, not stored, so that tens of megabytes need no file.

use crate::row::{COUNTRIES, CURRENCIES, KINDS, days};

const NOTES: [&str; 8] = [
    "",
    "",
    "gift",
    "pick up",
    "\"fragile, handle with care\"",
    "\"customer said \"\"after six\"\"\"",
    "\"two lines,\nquoted\"",
    "loyalty card 7731",
];

/// Rows until so many bytes have been made.
pub struct Source {
    left: usize,
    random: u64,
    at_ms: i64,
    /// The day's date, and when it began.
    date: (i64, String),
    row: Vec<u8>,
    handed: usize,
}

impl Source {
    /// Rows of this many bytes in all, or a few more.
    pub fn new(bytes: usize) -> Self {
        Source {
            left: bytes,
            random: 42,
            at_ms: days(2026, 1, 5) * 86_400_000 + 28_800_000,
            date: (i64::MIN, String::new()),
            row: Vec::with_capacity(256),
            handed: 0,
        }
    }

    /// Fills as much of `room` as there is left.
    pub fn fill(&mut self, room: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < room.len() {
            if self.handed == self.row.len() {
                if self.left == 0 {
                    break;
                }
                self.make();
                self.left = self.left.saturating_sub(self.row.len());
            }
            let some = &self.row[self.handed..];
            let some = &some[..some.len().min(room.len() - filled)];
            room[filled..filled + some.len()].copy_from_slice(some);
            self.handed += some.len();
            filled += some.len();
        }
        filled
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next row. All that is random in it is cut out of two numbers.
    fn make(&mut self) {
        let (one, two) = (self.next(), self.next());
        let pick = |bits: u64, length: usize| (bits % length as u64) as usize;
        self.at_ms += (one & 0xff) as i64;
        // One row in sixteen comes late, up to a minute and a half.
        let late = if one >> 8 & 15 == 0 {
            (one >> 12 & 0xffff) as i64 * 90_000 >> 16
        } else {
            0
        };
        self.row.clear();
        self.handed = 0;
        self.time(self.at_ms - late);
        let row = &mut self.row;
        row.extend_from_slice(b",dev-");
        // Few devices have most of the rows.
        let device = (one >> 28 & 0xfff) * (two & 0xfff) >> 12;
        number(row, 10_000 + device, 5);
        row.push(b',');
        row.extend_from_slice(COUNTRIES[pick(one >> 40 & 0xff, COUNTRIES.len())].as_bytes());
        row.push(b',');
        let kind = [0, 0, 0, 0, 0, 1, 2, 2, 3, 3, 3, 4, 0, 2, 3, 0][(one >> 48 & 15) as usize];
        row.extend_from_slice(KINDS[kind].as_bytes());
        row.push(b',');
        if kind == 1 {
            row.push(b'-');
        }
        number(row, two >> 12 & 0x3ff, 1);
        row.push(b'.');
        number(row, (two >> 22 & 0xff) % 100, 2);
        row.push(b',');
        row.extend_from_slice(
            CURRENCIES[pick(two >> 30 & 0xff, CURRENCIES.len())]
                .0
                .as_bytes(),
        );
        row.push(b',');
        row.extend_from_slice(NOTES[(two >> 38 & 7) as usize].as_bytes());
        // One row in sixty-four is wrong in one of eight ways.
        if two >> 41 & 63 == 0 {
            match two >> 47 & 7 {
                0 => row[4] = b'/',
                1 => row.truncate(40),
                2 => row.extend_from_slice(b",surplus"),
                3 => row[26] = b'X',
                4 => row[35] = b'?',
                5 => row[38] = b'?',
                wrong => {
                    // The amount's point, or the currency's first letter.
                    let point = row
                        .iter()
                        .rposition(|&byte| byte == b'.')
                        .unwrap_or_default();
                    row[point + if wrong == 6 { 0 } else { 4 }] = b'?';
                }
            }
        }
        row.extend_from_slice(if two >> 52 & 31 == 0 { b"\r\n" } else { b"\n" });
    }

    fn time(&mut self, at_ms: i64) {
        let day = at_ms.div_euclid(86_400_000);
        if self.date.0 != day {
            self.date = (day, date(day));
        }
        let row = &mut self.row;
        row.extend_from_slice(self.date.1.as_bytes());
        row.push(b'T');
        let ms = at_ms.rem_euclid(86_400_000) as u64;
        for (value, width, mark) in [
            (ms / 3_600_000, 2, b':'),
            (ms / 60_000 % 60, 2, b':'),
            (ms / 1000 % 60, 2, b'.'),
            (ms % 1000, 3, b'Z'),
        ] {
            number(row, value, width);
            row.push(mark);
        }
    }
}

/// The date of a day that is not long after 2026 began.
fn date(day: i64) -> String {
    let mut month = 1;
    while month < 12 && days(2026, month + 1, 1) <= day {
        month += 1;
    }
    format!("2026-{month:02}-{:02}", day - days(2026, month, 1) + 1)
}

/// A number, with zeros before it up to `width`.
fn number(row: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while value > 0 || digits.len() - at < width {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    row.extend_from_slice(&digits[at..]);
}
