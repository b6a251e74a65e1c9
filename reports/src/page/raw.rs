//! Raw data, embedded in the report as downloads.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use maud::{Markup, html};
use plimsoll_record::{Line, Recorded};

use super::parts::Section;
use crate::facts::Facts;
use crate::quantity;
use crate::shell;

/// Maximum length of a link in bytes that browsers accept.
const ADDRESS: usize = 2_000_000;
/// Size of the section itself without data, in bytes.
const WORDS: usize = 1_000;

/// The section's id.
pub(super) const ID: &str = "raw";

/// A run's files, as gzip in base64.
pub(super) struct Files {
    plan: String,
    samples: String,
    /// Whether the report contains them.
    place: Carried,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Carried {
    Inside,
    TooLarge,
}

impl Files {
    fn size(&self) -> usize {
        self.plan.len() + self.samples.len()
    }

    fn fits(&self) -> bool {
        self.plan.len().max(self.samples.len()) < ADDRESS
    }
}

/// The files of every run. The smallest are embedded first, as far as `room` bytes allow.
pub(super) fn files(facts: &[Facts<'_>], room: usize) -> Vec<Files> {
    let mut all: Vec<Files> = facts
        .iter()
        .map(|facts| Files {
            plan: packed(&serde_json::to_vec(&facts.recorded.run).unwrap_or_default()),
            samples: packed(&lines(facts.recorded)),
            place: Carried::TooLarge,
        })
        .collect();
    let mut by_size: Vec<&mut Files> = all.iter_mut().collect();
    by_size.sort_by_key(|files| files.size());
    let mut room = room.saturating_sub(WORDS * facts.len());
    for files in by_size.into_iter().filter(|files| files.fits()) {
        if let Some(left) = room.checked_sub(files.size()) {
            room = left;
            files.place = Carried::Inside;
        }
    }
    all
}

pub(super) fn section(facts: &Facts<'_>, files: &Files) -> Option<Section> {
    let recorded = facts.recorded;
    let Files { plan, samples, .. } = files;
    let name = |file: &str| format!("{}-{file}.gz", recorded.run.id.replace(['/', ' '], "-"));
    let directory = recorded.directory.file_name();
    let directory = directory.map_or_else(
        || recorded.run.id.clone(),
        |n| n.to_string_lossy().into_owned(),
    );
    let body = html! {
        @if files.place == Carried::Inside {
            p {
                "The run as it was recorded, as gzip. Unpacked into one folder these two files are a run directory, which "
                code { "bench report" } " and " code { "bench compare" } " take."
            }
            ul.plain {
                (link(&name("run.json"), plan, "plan, machine and configuration of every target"))
                (link(&name("samples.ndjson"), samples, "every sample, histogram and outcome, a JSON object a line"))
            }
        } @else {
            p {
                "The raw samples of this run are too large for this file (" (quantity::bytes(files.size() as u64))
                " as gzip and text). They are in " code { "samples.ndjson" } " of the run directory " code { (shell::word(&directory)) } "."
            }
        }
    };
    Some(Section {
        id: ID,
        title: "Raw data",
        body,
    })
}

fn link(name: &str, packed: &str, what: &str) -> Markup {
    html! {
        li {
            a download=(name) href={ "data:application/gzip;base64," (packed) } { (name) }
            " " span.dim { (what) ", " (quantity::bytes((packed.len() / 4 * 3) as u64)) }
        }
    }
}

/// The lines of `samples.ndjson`; of repeated trials only the last attempt.
pub(super) fn lines(recorded: &Recorded) -> Vec<u8> {
    let mut text = Vec::new();
    let mut put = |line: &Line| {
        // Lines contain only numbers, strings and enums, which JSON can represent.
        if let Ok(json) = serde_json::to_vec(line) {
            text.extend(json);
            text.push(b'\n');
        }
    };
    for trial in recorded.trials.values() {
        // Sorted by kind, the samples compress a quarter better.
        let mut samples: Vec<_> = trial.samples.iter().collect();
        samples.sort_by_key(|s| (s.boundary, s.metric, s.at));
        for sample in samples {
            put(&Line::Sample(*sample));
        }
        for histogram in &trial.histograms {
            put(&Line::Histogram(histogram.clone()));
        }
        for script in &trial.scripts {
            put(&Line::Script(script.clone()));
        }
        if let Some(fact) = &trial.fact {
            put(&Line::Fact(fact.clone()));
        }
        put(&Line::Outcome(trial.outcome.clone()));
    }
    text
}

/// Compresses with gzip.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    match written {
        Ok(packed) => packed,
        Err(error) => unreachable!("gzip in memory: {error}"),
    }
}

/// Compresses with gzip and encodes in base64.
fn packed(bytes: &[u8]) -> String {
    STANDARD.encode(gzip(bytes))
}
