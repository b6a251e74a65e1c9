//! What an artefact is bound to, and whether this process can run it.

use super::ArtifactError;

/// The CPU features that code may use, by the name that the code generator gives them.
macro_rules! cpu_features {
    ($($name:literal: $feature:tt),* $(,)?) => {
        /// The features of this machine's CPU among those that code may use.
        fn cpu_feature(name: &str) -> Option<bool> {
            Some(match name {
                $($name => std::arch::is_x86_feature_detected!($feature),)*
                _ => return None,
            })
        }
    };
}

cpu_features! {
    "has_cmpxchg16b": "cmpxchg16b",
    "has_sse3": "sse3",
    "has_ssse3": "ssse3",
    "has_sse41": "sse4.1",
    "has_sse42": "sse4.2",
    "has_avx": "avx",
    "has_avx2": "avx2",
    "has_fma": "fma",
    "has_popcnt": "popcnt",
    "has_bmi1": "bmi1",
    "has_bmi2": "bmi2",
    "has_lzcnt": "lzcnt",
    "has_avx_vnni": "avxvnni",
    "has_avx512vnni": "avx512vnni",
    "has_avx512f": "avx512f",
    "has_avx512dq": "avx512dq",
    "has_avx512vl": "avx512vl",
    "has_avx512vbmi": "avx512vbmi",
    "has_avx512bitalg": "avx512bitalg",
}

/// Whether compiled code counts fuel, as artefacts say it.
pub(crate) const METERING_OFF: u32 = 0;
/// See [`METERING_OFF`].
pub(crate) const METERING_FUEL: u32 = 1;

/// What code was made by and for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    lines: Vec<(String, String)>,
}

impl Fingerprint {
    /// What this build of keel makes, for these CPU features and this metering.
    #[cfg(feature = "compiler")]
    pub(crate) fn new(cpu_features: &[String], settings: &str, metering: u32) -> Fingerprint {
        let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Fingerprint {
            lines: vec![
                line("keel", env!("CARGO_PKG_VERSION")),
                line("target", "x86_64-linux"),
                line("compiler", cranelift_codegen::VERSION),
                line("settings", settings),
                line("metering", metering_name(metering)),
                line("cpu", &cpu_features.join(" ")),
            ],
        }
    }

    /// Reads the lines of an artefact's fingerprint.
    pub(crate) fn parse(text: &str) -> Fingerprint {
        let pair = |line: &str| {
            line.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        Fingerprint {
            lines: text.lines().filter_map(pair).collect(),
        }
    }

    /// The lines as they stand in an artefact.
    #[cfg(feature = "compiler")]
    pub(crate) fn text(&self) -> String {
        self.lines
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect()
    }

    /// A line's value.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.lines
            .iter()
            .find(|(line, _)| line == name)
            .map_or("", |(_, value)| value)
    }

    /// What code of this fingerprint counts.
    #[cfg(feature = "compiler")]
    pub(crate) fn metering(&self) -> u32 {
        if self.get("metering") == metering_name(METERING_FUEL) {
            METERING_FUEL
        } else {
            METERING_OFF
        }
    }

    /// Whether this process can run such code; says by name what differs.
    pub(crate) fn check(&self, metering: u32) -> Result<(), ArtifactError> {
        let same = |name: &str, expected: &str| {
            let found = self.get(name);
            if found == expected {
                return Ok(());
            }
            Err(ArtifactError::Mismatch {
                what: name.to_owned(),
                found: format!("`{found}`"),
                expected: format!("`{expected}`"),
            })
        };
        same("keel", env!("CARGO_PKG_VERSION"))?;
        same("target", "x86_64-linux")?;
        #[cfg(feature = "compiler")]
        same("compiler", cranelift_codegen::VERSION)?;
        same("metering", metering_name(metering))?;
        for feature in self.get("cpu").split_whitespace() {
            if cpu_feature(feature) != Some(true) {
                return Err(ArtifactError::Mismatch {
                    what: "CPU".to_owned(),
                    found: format!("code that needs `{feature}`"),
                    expected: "code for this CPU, which lacks it".to_owned(),
                });
            }
        }
        Ok(())
    }
}

fn metering_name(metering: u32) -> &'static str {
    if metering == METERING_FUEL {
        "fuel"
    } else {
        "off"
    }
}
