//! The ratchet: earlier passes must still pass. `runtimes/conformance.ratchet` has one line per target and
//! script. This module reads and writes the file; `analysis` decides what a run has lost, as for `bench
//! gate`.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_analysis::gate::passes::rows;
use plimsoll_analysis::gate::{ExpectedGroups, PassRow, RecordedPasses};
use plimsoll_record::{Recorded, Run, TargetId};

use super::testsuite;
use crate::catalog::checkout::Checkout;

const HEAD: &str = "\
# How many directives of each of the specification's scripts pass: TARGET GROUP/SCRIPT PASSED.
# `bench run --suite conformance` fails when fewer do; with --record-passes it writes what it finds.
";

/// Path of the file.
pub fn path(checkout: &Checkout) -> PathBuf {
    checkout.root.join("runtimes/conformance.ratchet")
}

/// Reads the file of a checkout; a missing file counts as empty.
///
/// # Errors
/// If it cannot be read, or a line is malformed.
pub fn read(checkout: &Checkout) -> io::Result<RecordedPasses> {
    let path = path(checkout);
    let mut known = RecordedPasses {
        name: checkout.shown(&path).to_string(),
        ..RecordedPasses::default()
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(known),
        Err(error) => return Err(error),
    };
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let parsed = match words.as_slice() {
            [target, script, passed] => passed.parse().ok().map(|n| (*target, *script, n)),
            _ => None,
        };
        let Some((target, script, passed)) = parsed else {
            let message = format!("line {number} is not `TARGET GROUP/SCRIPT PASSED`: {line:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        };
        let at = (TargetId::from(target), script.to_owned());
        known.passed.insert(at, passed);
    }
    Ok(known)
}

/// Compares every script of a run that the ratchet covers. Tests in `meant` that the run does not have are
/// lost.
pub fn compared(
    known: &RecordedPasses,
    recorded: &Recorded,
    meant: &ExpectedGroups,
) -> Vec<PassRow> {
    if !is_bundled(&recorded.run) {
        return Vec::new();
    }
    let mut rows = rows(known, Some(recorded), meant);
    rows.retain(|row| counts(&row.script));
    rows
}

/// Replaces the recorded passes with those of a run, for its targets and scripts.
///
/// # Errors
/// If the file cannot be written.
pub fn record(mut known: RecordedPasses, recorded: &Recorded, path: &Path) -> io::Result<()> {
    if is_bundled(&recorded.run) {
        let found = RecordedPasses::of(recorded).passed.into_iter();
        known
            .passed
            .extend(found.filter(|((_, script), _)| counts(script)));
    }
    let mut text = HEAD.to_owned();
    for ((target, script), passed) in &known.passed {
        let _ = writeln!(text, "{target} {script} {passed}");
    }
    fs::write(path, text)
}

/// Whether a run used the bundled tests, which are the same for everybody.
fn is_bundled(run: &Run) -> bool {
    let specification = run.specification.as_ref();
    specification.is_some_and(|one| one.directory.is_none())
}

/// Whether the ratchet covers a script. It does not cover the user's own testsuite folder, which may have
/// another version in the next run.
fn counts(script: &str) -> bool {
    let group = script.split_once('/').map_or(script, |(group, _)| group);
    group != testsuite::ID
}
