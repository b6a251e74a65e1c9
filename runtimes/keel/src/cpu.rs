//! The CPU that code is compiled for.

use std::fmt;
use std::str::FromStr;

use crate::artifact::cpu;

/// The target CPU: this machine's by default, or a named set of features.
///
/// ```
/// let baseline: keel::Cpu = "x86-64-v2".parse().expect("a level");
/// let more: keel::Cpu = "x86-64-v2+avx+bmi1".parse().expect("a level and two features");
/// assert_ne!(baseline, more);
/// assert!("pentium".parse::<keel::Cpu>().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Sorted names from the code generator; `None` stands for this machine's CPU.
    features: Option<Vec<&'static str>>,
}

/// The features of each x86-64 psABI level that keel's code generator uses. Vectors need at least
/// version 2.
const V2: &[&str] = &["cmpxchg16b", "popcnt", "sse3", "ssse3", "sse41", "sse42"];
const V3: &[&str] = &["avx", "avx2", "bmi1", "bmi2", "fma", "lzcnt"];
const V4: &[&str] = &["avx512dq", "avx512f", "avx512vl"];

impl Cpu {
    /// This machine's CPU with all its features.
    pub fn native() -> Cpu {
        Cpu::default()
    }

    /// The features by name; `None` for this machine's CPU.
    #[cfg(feature = "compiler")]
    pub(crate) fn features(&self) -> Option<&[&'static str]> {
        self.features.as_deref()
    }
}

/// An unknown CPU name.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no CPU: give native, x86-64-v2, x86-64-v3 or x86-64-v4, with +FEATURE after a level ({known})", known = cpu::names().map(friendly).collect::<Vec<_>>().join(", "))]
pub struct UnknownCpu(String);

impl FromStr for Cpu {
    type Err = UnknownCpu;

    fn from_str(text: &str) -> Result<Cpu, UnknownCpu> {
        let unknown = || UnknownCpu(text.to_owned());
        let mut words = text.split('+');
        let levels: &[&[&str]] = match words.next() {
            Some("native") if !text.contains('+') => return Ok(Cpu::native()),
            Some("x86-64-v2") => &[V2],
            Some("x86-64-v3") => &[V2, V3],
            Some("x86-64-v4") => &[V2, V3, V4],
            _ => return Err(unknown()),
        };
        let named = levels.iter().flat_map(|level| level.iter().copied());
        let mut features = Vec::new();
        for word in named.chain(words) {
            let known = cpu::names().find(|name| friendly(name) == word || *name == word);
            features.push(known.ok_or_else(unknown)?);
        }
        features.sort_unstable();
        features.dedup();
        Ok(Cpu {
            features: Some(features),
        })
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.features {
            None => f.write_str("native"),
            Some(features) => f.write_str(&features.join(" ")),
        }
    }
}

/// A feature's name without the code generator's prefix.
fn friendly(name: &str) -> &str {
    name.strip_prefix("has_").unwrap_or(name)
}
