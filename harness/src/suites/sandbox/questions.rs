//! The questions and their probes: reads `workloads/sandbox/sandbox.toml` and its lock, and verifies the
//! files on disk against them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use plimsoll_record::run::{Skipped, TargetKind};
use plimsoll_record::sandbox::{Question, Sandbox};
use plimsoll_record::{Limit, Step, TargetId, WorkloadId};
use serde::Deserialize;

use crate::catalog::checkout::Checkout;
use crate::catalog::digest::sha256;
use crate::catalog::resolve::Gathered;
use crate::catalog::selection;
use crate::catalog::workloads::source_sha256;
use crate::machine::interrupt::Interrupt;
use crate::process::command;
use crate::ui::progress::say;

const SCHEMA: &str = "plimsoll.sandbox/1";

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    id: WorkloadId,
    title: String,
    probe: String,
    /// The probe's arguments; placeholders such as `{file}` stand for resources of the run.
    #[serde(default)]
    pub args: Vec<String>,
    /// The probe's import that is not part of WASI preview 1.
    pub import: Option<Import>,
    /// The limits that the target must set.
    #[serde(default)]
    pub limits: Vec<Limit>,
    patience_seconds: u64,
}

/// An import that is not part of WASI preview 1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// The module name.
    pub module: String,
    /// The field name.
    pub name: String,
}

impl Row {
    /// Time limit of the guest.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    question: Vec<Row>,
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    probe: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    source_sha256: String,
    wasm_sha256: String,
}

/// A question with its program, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyQuestion {
    /// The part that is recorded.
    pub record: Question,
    /// Its row of the table.
    pub row: Row,
    /// The probe as `.wasm`.
    pub wasm: PathBuf,
    /// The probe as a native binary; `None` without one.
    pub native: Option<PathBuf>,
}

/// The questions of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Questions {
    /// In table order.
    pub ready: Vec<ReadyQuestion>,
}

fn folder(checkout: &Checkout) -> PathBuf {
    checkout.workloads().join("sandbox")
}

fn rows(checkout: &Checkout) -> anyhow::Result<Vec<Row>> {
    let path = folder(checkout).join("sandbox.toml");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("cannot read the questions, {}", checkout.shown(&path)))?;
    let file: File =
        toml::from_str(&text).with_context(|| format!("{} is malformed", checkout.shown(&path)))?;
    if file.schema != SCHEMA {
        bail!(
            "{} has schema {:?}, this version reads {SCHEMA:?}",
            checkout.shown(&path),
            file.schema
        );
    }
    Ok(file.question)
}

impl Questions {
    /// Loads the questions with names that match `globs`; all without any. Verifies their programs against
    /// the lock, and builds missing native ones.
    ///
    /// # Errors
    /// [`crate::exit::Usage`] if a glob matches nothing; otherwise a file that is missing or differs from the
    /// lock.
    pub fn gather(
        checkout: &Checkout,
        globs: &[String],
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let rows = rows(checkout)?;
        let known: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        selection::check("question", globs, &known)?;
        let folder = folder(checkout);
        let path = folder.join("sandbox.lock");
        let lock: Lock = fs::read_to_string(&path)
            .map_err(anyhow::Error::from)
            .and_then(|text| Ok(toml::from_str(&text)?))
            .with_context(|| format!("cannot read {}", checkout.shown(&path)))?;
        let meant = |row: &Row| globs.is_empty() || selection::matches_any(globs, row.id.as_str());
        let rows: Vec<Row> = rows.into_iter().filter(meant).collect();
        build_native(checkout, &rows, &lock, interrupt)?;
        let ready = rows
            .into_iter()
            .map(|row| ready(checkout, &folder, &lock, row))
            .collect::<anyhow::Result<_>>()?;
        Ok(Questions { ready })
    }

    /// The record of the questions.
    pub fn record(&self) -> Sandbox {
        let questions = self.ready.iter().map(|one| one.record.clone());
        Sandbox {
            questions: questions.collect(),
        }
    }

    /// The question called `id`.
    pub fn find(&self, id: &WorkloadId) -> Option<&ReadyQuestion> {
        self.ready.iter().find(|one| one.record.id == *id)
    }

    /// Skips targets that are not separate processes; those that are represent their engine.
    pub fn leave_out(&self, gathered: &mut Gathered) {
        let targets = std::mem::take(&mut gathered.targets);
        for chosen in targets {
            if chosen.target.steps.contains(&Step::Process) {
                gathered.targets.push(chosen);
                continue;
            }
            gathered.skipped.push(Skipped {
                what: chosen.target.id.to_string(),
                why:
                    "a configuration of a host that already runs: a guest that could end the host \
                      is only run in its engine's processes"
                        .to_owned(),
                remedy: None,
                requested: false,
            });
        }
    }

    /// Whether targets of that kind can run a question here.
    pub fn has_program_for(&self, question: &ReadyQuestion, kind: TargetKind) -> bool {
        kind == TargetKind::Wasm || question.native.is_some()
    }
}

fn locked<'l>(lock: &'l Lock, probe: &str) -> anyhow::Result<&'l Locked> {
    let mut probes = lock.probe.iter();
    probes.find(|one| one.name == probe).with_context(|| {
        format!("sandbox.lock has no entry for {probe}; build it with `scripts/build-sandbox`")
    })
}

fn sources(probe: &str) -> [PathBuf; 2] {
    [
        PathBuf::from("probe.h"),
        PathBuf::from(format!("probes/{probe}.c")),
    ]
}

fn ready(
    checkout: &Checkout,
    folder: &Path,
    lock: &Lock,
    row: Row,
) -> anyhow::Result<ReadyQuestion> {
    let locked = locked(lock, &row.probe)?;
    let wasm = folder.join(format!("wasm/{}.wasm", row.probe));
    let bytes = fs::read(&wasm).with_context(|| {
        let shown = checkout.shown(&wasm);
        format!("cannot read {shown}; build it with `scripts/build-sandbox`")
    })?;
    let sources = source_sha256(folder, &sources(&row.probe))?;
    if sha256(&bytes) != locked.wasm_sha256 || sources != locked.source_sha256 {
        bail!(
            "{} or its sources are not what sandbox.lock names; restore them or build them again with \
             `scripts/build-sandbox`",
            checkout.shown(&wasm)
        );
    }
    let native = native(checkout, &row.probe, locked);
    let native_sha256 = match &native {
        None => None,
        Some(path) => {
            Some(sha256(&fs::read(path).with_context(|| {
                format!("cannot read {}", checkout.shown(path))
            })?))
        }
    };
    Ok(ReadyQuestion {
        record: Question {
            id: row.id.clone(),
            title: row.title.clone(),
            limits: row.limits.clone(),
            probe: row.probe.clone(),
            source_sha256: locked.source_sha256.clone(),
            wasm_sha256: locked.wasm_sha256.clone(),
            native_sha256,
        },
        row,
        wasm,
        native,
    })
}

/// The native binary of a probe, if its sources are those in the lock.
fn native(checkout: &Checkout, probe: &str, locked: &Locked) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Built {
        source_sha256: String,
    }
    let path = checkout.native_binaries().join("sandbox").join(probe);
    let built = fs::read(path.with_extension("json")).ok()?;
    let built: Built = serde_json::from_slice(&built).ok()?;
    let fresh = built.source_sha256 == locked.source_sha256;
    (fresh && crate::catalog::targets::is_executable(&path)).then_some(path)
}

/// Builds missing native programs. Without a C compiler there are none, and a message says so.
fn build_native(
    checkout: &Checkout,
    rows: &[Row],
    lock: &Lock,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let missing = |row: &Row| {
        locked(lock, &row.probe).is_ok_and(|one| native(checkout, &row.probe, one).is_none())
    };
    if !rows.iter().any(missing) {
        return Ok(());
    }
    if checkout.bundle.is_some() {
        say("native programs and containers are not asked: their programs are not in this bundle");
        return Ok(());
    }
    say("building the native programs of suite sandbox");
    let mut script = Command::new(checkout.root.join("scripts/build-sandbox"));
    script
        .current_dir(&checkout.root)
        .env("CARGO_TARGET_DIR", &checkout.target)
        .arg("--native");
    match command::run(&mut script, interrupt) {
        Err(command::ToolError::Interrupted) => Err(command::ToolError::Interrupted.into()),
        Err(error) => {
            say(&format!(
                "native programs and containers are skipped: {error}"
            ));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The record of a target that is skipped because native programs are missing.
pub fn without_native(target: &TargetId) -> Skipped {
    Skipped {
        what: target.to_string(),
        why: "the native programs of suite sandbox could not be built".to_owned(),
        remedy: Some("scripts/build-sandbox --native".to_owned()),
        requested: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Checkout {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Checkout::at(root.clone(), root.join("target"))
    }

    #[test]
    fn every_question_has_a_committed_program_of_the_committed_source() {
        let checkout = here();
        let rows = rows(&checkout).unwrap();
        let folder = folder(&checkout);
        let text = fs::read_to_string(folder.join("sandbox.lock")).unwrap();
        let lock: Lock = toml::from_str(&text).unwrap();
        for row in rows {
            let imports = fs::read(folder.join(format!("wasm/{}.wasm", row.probe))).unwrap();
            if let Some(import) = &row.import {
                let named = |window: &[u8]| window == import.name.as_bytes();
                let mut all = imports.windows(import.name.len());
                assert!(all.any(named), "{import:?}");
            }
            ready(&checkout, &folder, &lock, row).unwrap();
        }
    }

    #[test]
    fn the_first_question_is_the_one_that_every_other_answer_rests_on() {
        let rows = rows(&here()).unwrap();
        assert_eq!(rows[0].id.as_str(), "run");
        assert!(rows[0].limits.is_empty());
        // Every limit has a control: the same probe without limits.
        for row in rows.iter().filter(|row| !row.limits.is_empty()) {
            let unlimited = |one: &&Row| one.probe == row.probe && one.limits.is_empty();
            assert!(rows.iter().any(|one| unlimited(&one)), "{}", row.id);
        }
    }
}
