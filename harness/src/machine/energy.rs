//! Energy of the processor packages, from Linux powercap (RAPL). Most virtual machines have none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The kernel's folder of power zones.
const ZONES: &str = "/sys/class/powercap";
/// The message for machines without a counter.
pub const NOT_SUPPORTED: &str =
    "not supported on this machine: no package's energy counter can be read in /sys/class/powercap";

/// The counters of all packages.
#[derive(Debug)]
pub struct Meter(Vec<Zone>);

/// One package.
#[derive(Debug)]
struct Zone {
    counter: PathBuf,
    /// Value at which the counter wraps to zero, microjoules.
    range: u64,
}

/// The counters at one moment, in the order of the packages, microjoules.
#[derive(Debug, Clone)]
pub struct Reading(Vec<u64>);

impl Meter {
    /// The packages of this machine; `None` without a readable counter.
    pub fn open() -> Option<Self> {
        Self::of(Path::new(ZONES)).ok().flatten()
    }

    fn of(zones: &Path) -> io::Result<Option<Self>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(zones)? {
            let zone = entry?.path();
            // A package's count includes its zones for cores and memory.
            let name = fs::read_to_string(zone.join("name")).unwrap_or_default();
            if !name.starts_with("package") {
                continue;
            }
            let counter = zone.join("energy_uj");
            number(&counter)?;
            found.push(Zone {
                range: number(&zone.join("max_energy_range_uj"))?,
                counter,
            });
        }
        found.sort_by(|a, b| a.counter.cmp(&b.counter));
        Ok((!found.is_empty()).then_some(Meter(found)))
    }

    /// Reads the counters.
    ///
    /// # Errors
    /// If one is no longer readable.
    pub fn read(&self) -> io::Result<Reading> {
        let values = self.0.iter().map(|zone| number(&zone.counter));
        values.collect::<io::Result<_>>().map(Reading)
    }

    /// Microjoules between two readings; each counter may have wrapped once.
    pub fn between(&self, from: &Reading, to: &Reading) -> u64 {
        let zones = self.0.iter().zip(from.0.iter().zip(&to.0));
        zones
            .map(|(zone, (from, to))| match to.checked_sub(*from) {
                Some(used) => used,
                None => zone.range.saturating_sub(*from) + to,
            })
            .sum()
    }
}

fn number(file: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(file)?;
    let number = text.trim().parse();
    number.map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_summed_and_a_counter_may_begin_again() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        assert!(Meter::of(folder.path())?.is_none());
        let put = |zone: &str, name: &str, energy: u64| {
            let zone = folder.path().join(zone);
            fs::create_dir_all(&zone)?;
            fs::write(zone.join("name"), format!("{name}\n"))?;
            fs::write(zone.join("max_energy_range_uj"), "1000\n")?;
            fs::write(zone.join("energy_uj"), format!("{energy}\n"))
        };
        put("intel-rapl:0", "package-0", 900)?;
        put("intel-rapl:1", "package-1", 100)?;
        put("intel-rapl:0:0", "core", 5)?;
        let meter = Meter::of(folder.path())?.expect("two packages");
        let from = meter.read()?;
        put("intel-rapl:0", "package-0", 50)?;
        put("intel-rapl:1", "package-1", 130)?;
        put("intel-rapl:0:0", "core", 500)?;
        assert_eq!(meter.between(&from, &meter.read()?), 150 + 30);
        Ok(())
    }
}
