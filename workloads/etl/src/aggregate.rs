//! What is made of the rows: sums by group, windows of a minute, the devices that sell most.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, Write};

use crate::csv::Fields;
use crate::row::{COUNTRIES, KINDS, Sale, Wrong, sale};

/// A window closes when a row says that it is so much later; rows for it that come later still are
/// late.
const PATIENCE_MS: i64 = 60_000;
const WINDOW_MS: i64 = 60_000;
const TEST: usize = 4;
/// Registers of the estimate of how many devices there are, and bits that choose one.
const REGISTERS: usize = 1 << 10;

/// Size classes of amounts: four for every power of two.
const CLASSES: usize = 4 * 32;

/// Sums of one group.
#[derive(Clone)]
struct Group {
    rows: u64,
    cents: i64,
    least: i64,
    most: i64,
    /// By size class: for percentiles.
    sizes: [u32; CLASSES],
}

impl Group {
    const EMPTY: Group = Group {
        rows: 0,
        cents: 0,
        least: 0,
        most: 0,
        sizes: [0; CLASSES],
    };
}

/// All that is kept.
pub struct Aggregates {
    rows: u64,
    tests: u64,
    late: u64,
    note_bytes: u64,
    wrong: [u64; Wrong::NAMES.len()],
    groups: Vec<Group>,
    /// Of the tier that the joined table says.
    tiers: [i64; 4],
    devices: HashMap<u32, i64, BuildHasherDefault<Mixed>>,
    /// What is known of each device: the table that rows are joined with.
    known: HashMap<u32, u8, BuildHasherDefault<Mixed>>,
    open: HashMap<i64, (u64, i64), BuildHasherDefault<Mixed>>,
    latest_ms: i64,
    closed: u64,
    digest: u64,
    registers: Vec<u8>,
}

/// A hash of one number.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = mix(self.0 ^ u64::from(byte));
        }
    }
    fn write_u32(&mut self, number: u32) {
        self.0 = mix(u64::from(number));
    }
    fn write_i64(&mut self, number: i64) {
        self.0 = mix(number as u64);
    }
}

fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

impl Aggregates {
    /// Nothing yet.
    pub fn new() -> Self {
        // Two devices in three are known.
        let known = (10_000_u32..14_096).filter(|device| device % 3 != 0);
        Aggregates {
            rows: 0,
            tests: 0,
            late: 0,
            note_bytes: 0,
            wrong: [0; Wrong::NAMES.len()],
            groups: vec![Group::EMPTY; COUNTRIES.len() * KINDS.len()],
            tiers: [0; 4],
            devices: HashMap::default(),
            known: known
                .map(|device| (device, (device % 7 % 3) as u8))
                .collect(),
            open: HashMap::default(),
            latest_ms: i64::MIN,
            closed: 0,
            digest: 0,
            registers: vec![0; REGISTERS],
        }
    }

    /// Takes a row.
    pub fn take(&mut self, fields: &Fields<'_>) {
        self.rows += 1;
        match sale(fields) {
            Ok(sale) if sale.kind == TEST => self.tests += 1,
            Ok(sale) => self.add(&sale),
            Err(wrong) => self.wrong[wrong as usize] += 1,
        }
    }

    fn add(&mut self, sale: &Sale) {
        self.note_bytes += sale.note_bytes as u64;
        let group = &mut self.groups[sale.country * KINDS.len() + sale.kind];
        if group.rows == 0 {
            (group.least, group.most) = (sale.cents, sale.cents);
        }
        group.rows += 1;
        group.cents += sale.cents;
        group.least = group.least.min(sale.cents);
        group.most = group.most.max(sale.cents);
        group.sizes[class(sale.cents.unsigned_abs())] += 1;

        let tier = self.known.get(&sale.device).copied().unwrap_or(3);
        self.tiers[usize::from(tier)] += sale.cents;
        *self.devices.entry(sale.device).or_default() += sale.cents;
        let hash = mix(mix(u64::from(sale.device)));
        let register = &mut self.registers[(hash >> 54) as usize];
        *register = (*register).max((hash << 10).leading_zeros() as u8 + 1);

        let window = sale.at_ms.div_euclid(WINDOW_MS);
        if (window + 1) * WINDOW_MS + PATIENCE_MS <= self.latest_ms {
            self.late += 1;
            return;
        }
        let held = self.open.entry(window).or_default();
        held.0 += 1;
        held.1 += sale.cents;
        if sale.at_ms > self.latest_ms {
            let before = self.latest_ms.div_euclid(WINDOW_MS);
            self.latest_ms = sale.at_ms;
            if before != window {
                self.close(sale.at_ms - PATIENCE_MS);
            }
        }
    }

    /// Closes the windows that end at `until` or before, in order.
    fn close(&mut self, until: i64) {
        let ended = |window: &&i64| (**window + 1) * WINDOW_MS <= until;
        let mut windows: Vec<i64> = self.open.keys().filter(ended).copied().collect();
        windows.sort_unstable();
        for window in windows {
            if let Some((rows, cents)) = self.open.remove(&window) {
                self.closed += 1;
                for number in [window as u64, rows, cents as u64] {
                    self.digest = mix(self.digest ^ number);
                }
            }
        }
    }

    /// No more rows.
    pub fn finish(&mut self) {
        self.close(i64::MAX);
    }

    /// Prints what was found.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} rows, {} tests, {} late, {} bytes of notes",
            self.rows, self.tests, self.late, self.note_bytes
        )?;
        for (name, count) in Wrong::NAMES.iter().zip(self.wrong) {
            writeln!(out, "wrong {name}: {count}")?;
        }
        for (country, groups) in COUNTRIES.iter().zip(self.groups.chunks(KINDS.len())) {
            write!(out, "{country}")?;
            for (kind, group) in KINDS.iter().zip(groups).filter(|(_, group)| group.rows > 0) {
                let median = percentile(group, 50);
                write!(
                    out,
                    " {kind} {} {} {}..{} ~{median}",
                    group.rows, group.cents, group.least, group.most
                )?;
            }
            writeln!(out)?;
        }
        let mut best: Vec<(i64, u32)> = self
            .devices
            .iter()
            .map(|(&device, &cents)| (cents, device))
            .collect();
        best.sort_unstable_by(|a, b| b.cmp(a));
        for (cents, device) in best.iter().take(5) {
            writeln!(out, "dev-{device} {cents}")?;
        }
        let ends = best.iter().fold(self.digest, |digest, &(cents, device)| {
            mix(mix(digest ^ cents as u64) ^ u64::from(device))
        });
        let zero = self
            .registers
            .iter()
            .filter(|&&register| register == 0)
            .count();
        let powers: u64 = self
            .registers
            .iter()
            .map(|&register| 1 << (32 - u32::from(register.min(32))))
            .sum();
        writeln!(
            out,
            "tiers {:?}, {} devices, {zero} registers empty, powers {powers}",
            self.tiers,
            best.len()
        )?;
        writeln!(out, "{} windows, digest {ends:016x}", self.closed)
    }
}

/// The lower end of the size class in which so many percent of a group lie.
fn percentile(group: &Group, percent: u64) -> u64 {
    let wanted = group.rows * percent / 100;
    let mut seen = 0;
    for (class, &count) in group.sizes.iter().enumerate() {
        seen += u64::from(count);
        if seen > wanted {
            return least_of(class);
        }
    }
    0
}

/// The size class of an amount: by its highest bit and the two below it.
fn class(amount: u64) -> usize {
    if amount < 8 {
        return amount as usize;
    }
    let shift = u64::BITS - 3 - amount.leading_zeros();
    (shift as usize * 4 + (amount >> shift) as usize).min(CLASSES - 1)
}

/// The least amount of a class.
fn least_of(class: usize) -> u64 {
    if class < 8 {
        return class as u64;
    }
    (class as u64 % 4 + 4) << (class / 4 - 1)
}
