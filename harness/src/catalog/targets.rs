//! The table of adapters, `runtimes/targets.toml`: everything that `bench` knows about engines.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_record::run::Family;
use plimsoll_record::{Life, TargetId};
use serde::Deserialize;
use thiserror::Error;

use crate::catalog::checkout::Checkout;

const SCHEMA: &str = "plimsoll.targets/1";

/// Why the table is unusable.
#[derive(Debug, Error)]
pub enum TableError {
    /// It cannot be read.
    #[error("cannot read the table of targets {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// It is not TOML of the expected shape.
    #[error("the table of targets {path} is malformed: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Position and cause of the error.
        message: String,
    },
}

/// All adapters, in the order of tables and pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// One row per adapter.
    pub adapters: Vec<AdapterRow>,
}

/// One adapter: a program that speaks the protocol, and the targets it drives.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterRow {
    /// Short name, used by `bench setup`.
    pub id: String,
    /// A one-line description of what it drives.
    pub title: String,
    /// The Cargo manifest it is built from; `None` if `program` is given.
    pub manifest: Option<PathBuf>,
    /// Name of its executable in the build directory; `None` if `program` is given.
    pub binary: Option<String>,
    /// An executable in any language that needs no build, relative to the root.
    pub program: Option<PathBuf>,
    /// Expected prefix of the engine's version.
    pub expected_engine: Option<String>,
    /// Whether it belongs to the default set.
    pub default: bool,
    /// Approximate build time on two processors.
    pub build_minutes: Option<u32>,
    /// Script (relative to the root) and arguments that install what it drives. `bench setup` runs
    /// it if the adapter is named, or with `--all`.
    pub setup: Option<Vec<String>>,
    /// The builds it needs, in order; one without arguments by default.
    #[serde(default)]
    pub build: Vec<BuildRow>,
    /// The targets that it drives.
    pub targets: Vec<TargetId>,
    /// How its targets run code.
    pub family: Option<Family>,
    /// Targets that differ from `family`.
    #[serde(default)]
    pub families: BTreeMap<TargetId, Family>,
    /// Life of the instances that its targets make for a request each; `None` if they make none.
    pub life: Option<Life>,
    /// Targets that differ from `life`.
    #[serde(default)]
    pub lives: BTreeMap<TargetId, Life>,
    /// Whether the authors of this harness make its engine.
    #[serde(default)]
    pub own: bool,
    /// Whether its containers need a daemon that already runs; absent of what makes no containers.
    pub daemon: Option<bool>,
    /// How scripts/run-wasi-tests runs a target: form, needs, `--` and the engine's command. A
    /// program with a slash in it is relative to the build directory, any other is on PATH.
    #[serde(default)]
    pub wasi_tests: BTreeMap<TargetId, Vec<String>>,
    /// Targets that a quick run skips unless they are named.
    #[serde(default)]
    pub not_quick: Vec<TargetId>,
}

/// What reports compare targets by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// How it runs code.
    pub family: Option<Family>,
    /// Life of the instances that it makes for a request each.
    pub life: Option<Life>,
    /// Whether the authors of this harness make its engine.
    pub own: bool,
    /// Whether its containers need a daemon that already runs.
    pub daemon: Option<bool>,
}

/// One `cargo build` of an adapter's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRow {
    /// Arguments after `cargo build --release --manifest-path M --target-dir T`.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables added for that build.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Executables it produces, relative to the build directory; by default `release/<binary>`.
    #[serde(default)]
    pub makes: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    #[serde(default)]
    adapter: Vec<AdapterRow>,
}

impl Table {
    /// Reads the table of `checkout`.
    ///
    /// # Errors
    /// [`TableError`] if it cannot be read, is malformed, or names a target twice.
    pub fn read(checkout: &Checkout) -> Result<Self, TableError> {
        let path = checkout.targets_toml();
        let text = fs::read_to_string(&path).map_err(|source| TableError::Io {
            path: path.clone(),
            source,
        })?;
        Self::parse(&text).map_err(|message| TableError::Malformed { path, message })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.schema != SCHEMA {
            return Err(format!(
                "schema is {:?}, this version reads {SCHEMA:?}",
                file.schema
            ));
        }
        let mut seen = Vec::new();
        for adapter in &file.adapter {
            let built = adapter.manifest.is_some() && adapter.binary.is_some();
            if built == adapter.program.is_some() {
                return Err(format!(
                    "adapter {:?} needs either `manifest` and `binary`, or `program`",
                    adapter.id
                ));
            }
            if let Some(unknown) = adapter
                .not_quick
                .iter()
                .find(|target| !adapter.targets.contains(target))
            {
                return Err(format!(
                    "{unknown} in `not_quick` of {:?} is not one of its targets",
                    adapter.id
                ));
            }
            let mut named = adapter.families.keys().chain(adapter.lives.keys());
            if let Some(unknown) = named.find(|target| !adapter.targets.contains(target)) {
                return Err(format!(
                    "{unknown} in `families` or `lives` of {:?} is not one of its targets",
                    adapter.id
                ));
            }
            for target in &adapter.targets {
                if seen.contains(&target) {
                    return Err(format!("target {target} is listed twice"));
                }
                seen.push(target);
            }
        }
        Ok(Self {
            adapters: file.adapter,
        })
    }

    /// Every target's id, in order.
    pub fn targets(&self) -> Vec<&str> {
        self.adapters
            .iter()
            .flat_map(|adapter| adapter.targets.iter().map(TargetId::as_str))
            .collect()
    }

    /// The row of the adapter that drives `target`.
    pub fn adapter_of(&self, target: &TargetId) -> Option<&AdapterRow> {
        self.adapters
            .iter()
            .find(|adapter| adapter.targets.contains(target))
    }
}

impl AdapterRow {
    /// The adapter's executable.
    pub fn executable(&self, checkout: &Checkout) -> PathBuf {
        match (&self.program, &self.binary) {
            (Some(program), _) => checkout.root.join(program),
            (None, Some(binary)) => checkout.target.join("release").join(binary),
            (None, None) => checkout.root.clone(),
        }
    }

    /// Its manifest, absolute; `None` if it is not built here.
    pub fn manifest(&self, checkout: &Checkout) -> Option<PathBuf> {
        self.manifest.as_ref().map(|path| checkout.root.join(path))
    }

    /// The builds it needs, each with the absolute paths that it produces.
    pub fn builds(&self, checkout: &Checkout) -> Vec<(BuildRow, Vec<PathBuf>)> {
        if self.manifest.is_none() {
            return Vec::new();
        }
        let rows = match self.build.as_slice() {
            [] => vec![BuildRow::default()],
            rows => rows.to_vec(),
        };
        rows.into_iter()
            .map(|row| {
                let makes = match row.makes.as_slice() {
                    [] => vec![self.executable(checkout)],
                    makes => makes
                        .iter()
                        .map(|path| checkout.target.join(path))
                        .collect(),
                };
                (row, makes)
            })
            .collect()
    }

    /// The facts of a target of this row.
    pub fn traits_of(&self, target: &TargetId) -> Traits {
        Traits {
            family: self.families.get(target).copied().or(self.family),
            life: self.lives.get(target).copied().or(self.life),
            own: self.own,
            daemon: self.daemon,
        }
    }

    /// The command that sets it up.
    pub fn setup_command(&self) -> String {
        format!("bench setup {}", self.id)
    }

    /// Whether `pattern` of `bench setup` selects this adapter, by its id or one of its targets.
    pub fn is_meant_by(&self, pattern: &str) -> bool {
        crate::catalog::selection::matches(pattern, &self.id)
            || self
                .targets
                .iter()
                .any(|target| crate::catalog::selection::matches(pattern, target.as_str()))
    }
}

/// Whether `path` is a file with an execute permission.
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "schema = \"plimsoll.targets/1\"\n";

    fn parse(rows: &str) -> Result<Table, String> {
        Table::parse(&format!("{HEAD}{rows}"))
    }

    #[test]
    fn the_table_of_the_checkout_is_well_formed() {
        let text = include_str!("../../../runtimes/targets.toml");
        let table = Table::parse(text).unwrap();
        assert!(table.targets().contains(&"native"));
        assert!(table.adapter_of(&"native".into()).unwrap().default);
        for adapter in &table.adapters {
            for target in &adapter.targets {
                assert!(
                    adapter.traits_of(target).family.is_some(),
                    "{target} has no family"
                );
            }
        }
    }

    #[test]
    fn a_target_listed_twice_is_refused() {
        let row =
            "[[adapter]]\nid = 'a'\ntitle = 't'\nprogram = 'p'\ndefault = true\ntargets = ['x']\n";
        assert!(parse(row).is_ok());
        assert_eq!(
            parse(&row.repeat(2)).unwrap_err(),
            "target x is listed twice"
        );
    }

    #[test]
    fn an_adapter_without_a_program_is_refused() {
        let error = parse("[[adapter]]\nid = 'a'\ntitle = 't'\ndefault = true\ntargets = []\n");
        assert!(error.unwrap_err().contains("needs either"));
    }

    #[test]
    fn a_target_that_only_a_quick_run_knows_is_refused() {
        let row = "[[adapter]]\nid = 'a'\ntitle = 't'\nprogram = 'p'\ndefault = true\n\
                   targets = ['x']\nnot_quick = ['y']\n";
        let error = parse(row).unwrap_err();
        assert_eq!(error, "y in `not_quick` of \"a\" is not one of its targets");
    }

    #[test]
    fn another_schema_is_refused() {
        assert!(Table::parse("schema = 'x/9'").unwrap_err().contains("x/9"));
    }
}
