//! Fingerprints: what an artefact was compiled with and for, and whether this process can run it.

use super::{ArtifactError, cpu};

/// The code generator's settings that compiled code depends on. Sandboxing relies on the first
/// ones, so code made with other settings is rejected.
pub(crate) const SETTINGS: [(&str, &str); 9] = [
    ("enable_probestack", "true"),
    ("probestack_strategy", "inline"),
    ("preserve_frame_pointers", "true"),
    ("enable_table_access_spectre_mitigation", "true"),
    ("enable_heap_access_spectre_mitigation", "true"),
    ("opt_level", "speed"),
    ("enable_alias_analysis", "true"),
    ("unwind_info", "false"),
    // Code only refers to nearby addresses, so it uses relative addresses either way.
    ("is_pic", "false"),
];

/// Values of [`Header::metering`](super::format::Header::metering): whether code counts fuel.
pub(crate) const METERING_OFF: u32 = 0;
/// See [`METERING_OFF`].
pub(crate) const METERING_FUEL: u32 = 1;

const TARGET: &str = "x86_64-linux";

/// The compiler, target and settings of an artefact: lines of `name=value`.
#[cfg(feature = "compiler")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) text: String,
    pub(crate) metering: u32,
}

#[cfg(feature = "compiler")]
impl Fingerprint {
    /// The fingerprint of this build of keel with these CPU features and this metering.
    pub(crate) fn new(cpu_features: &[String], metering: u32) -> Fingerprint {
        let settings = SETTINGS.map(|(name, value)| format!("{name}={value}"));
        let text = format!(
            "keel={}\ntarget={TARGET}\ncompiler={}\nmetering={}\nsettings={}\ncpu={}\n",
            env!("CARGO_PKG_VERSION"),
            cranelift_codegen::VERSION,
            metering_name(metering),
            settings.join(" "),
            cpu_features.join(" "),
        );
        Fingerprint { text, metering }
    }

    /// Adds the cache key.
    pub(crate) fn add_source(&mut self, source: &str) {
        self.text.push_str(&format!("source={source}\n"));
    }
}

/// Checks that this process can run code with this fingerprint. The error names the difference.
pub(crate) fn check(text: &str, metering: u32) -> Result<(), ArtifactError> {
    same("keel", value(text, "keel"), env!("CARGO_PKG_VERSION"))?;
    same("target", value(text, "target"), TARGET)?;
    #[cfg(feature = "compiler")]
    same(
        "compiler",
        value(text, "compiler"),
        cranelift_codegen::VERSION,
    )?;
    same("metering", value(text, "metering"), metering_name(metering))?;
    check_settings(value(text, "settings"))?;
    for feature in value(text, "cpu").split_ascii_whitespace() {
        if cpu::has(feature) != Some(true) {
            return Err(ArtifactError::Mismatch {
                what: "CPU".to_owned(),
                found: format!("code that needs `{feature}`"),
                expected: "code for this CPU, which lacks it".to_owned(),
            });
        }
    }
    Ok(())
}

/// Checks that the settings are exactly those of this build.
fn check_settings(found: &str) -> Result<(), ArtifactError> {
    let pairs = || {
        found
            .split_ascii_whitespace()
            .map(|setting| setting.split_once('=').unwrap_or((setting, "")))
    };
    // The usual case; the search for a difference is slower.
    if pairs().eq(SETTINGS) {
        return Ok(());
    }
    for (name, expected) in SETTINGS {
        let found = pairs().find(|(found, _)| *found == name);
        let found = found.map_or("", |(_, value)| value);
        same(&format!("setting `{name}`"), found, expected)?;
    }
    let known = |name: &str| SETTINGS.iter().any(|(known, _)| *known == name);
    match pairs().find(|(name, _)| !known(name)) {
        Some((name, found)) => same(&format!("setting `{name}`"), found, ""),
        None => Err(ArtifactError::Damaged(
            "its settings are said more than once".to_owned(),
        )),
    }
}

fn same(what: &str, found: &str, expected: &str) -> Result<(), ArtifactError> {
    if found == expected {
        return Ok(());
    }
    let quoted = |text: &str| match text {
        "" => "nothing".to_owned(),
        text => format!("`{text}`"),
    };
    Err(ArtifactError::Mismatch {
        what: what.to_owned(),
        found: quoted(found),
        expected: quoted(expected),
    })
}

/// The value of the line `name`; empty if there is none.
pub(super) fn value<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .find(|(line, _)| *line == name)
        .map_or("", |(_, value)| value)
}

fn metering_name(metering: u32) -> &'static str {
    if metering == METERING_FUEL {
        "fuel"
    } else {
        "off"
    }
}
