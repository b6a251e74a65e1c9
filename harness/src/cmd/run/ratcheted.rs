//! After a run of the suite `conformance`: compares its passes with the recorded ones.

use std::path::Path;

use anyhow::Context as _;
use plimsoll_analysis::gate::{ExpectedGroups, PassRow, RowVerdict};
use plimsoll_record::Recorded;

use crate::catalog::checkout::Checkout;
use crate::cli::Run;
use crate::exit::Exit;
use crate::suites::conformance::ratchet;
use crate::ui::format;
use crate::ui::progress::say;

/// Compares a run's passes of `meant` with the recorded ones, or records them (`--record-passes`).
pub(super) fn ratcheted(
    checkout: &Checkout,
    directory: &Path,
    args: &Run,
    meant: &ExpectedGroups,
) -> anyhow::Result<Exit> {
    let path = ratchet::path(checkout);
    let shown = checkout.shown(&path);
    let recorded = Recorded::read(directory)?;
    let before = ratchet::read(checkout).with_context(|| format!("cannot read {shown}"))?;
    if args.record_passes {
        ratchet::record(before, &recorded, &path)
            .with_context(|| format!("cannot write {shown}"))?;
        say(&format!("recorded in {shown}"));
        return Ok(Exit::Ok);
    }
    let rows = ratchet::compared(&before, &recorded, meant);
    let lost: Vec<_> = rows.iter().filter(|row| row.verdict.fails()).collect();
    for row in &lost {
        say(&format!(
            "{} {}: {}: {}",
            row.target,
            row.script,
            row.counts(),
            row.reason
        ));
    }
    if !lost.is_empty() {
        let scripts = format::count(lost.len(), "script");
        say(&format!("fewer pass than {shown} says, in {scripts}"));
        return Ok(Exit::Regression);
    }
    let more = |row: &PassRow| matches!(row.verdict, RowVerdict::Improved | RowVerdict::New);
    if rows.iter().any(more) {
        say(&format!(
            "more pass than {shown} says: --record-passes keeps it"
        ));
    }
    Ok(Exit::Ok)
}
