//! Compares published claims with measurements.
//!
//! `claims.toml` lists each claim with its source, its range and the rows of a run to compare it with. Everything here
//! is a pure function of that table and recorded runs.
//!
//! # Layout
//!
//! - [`Claims`]: the parsed and validated table
//! - [`judge()`]: a verdict per claim, with every figure that it is based on
//! - `verdict`: the rule
//! - `sentences`: verdicts as text

mod judge;
pub(crate) mod section;
pub(crate) mod sentences;
mod verdict;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_record::run::{Family, TargetKind};
use plimsoll_record::{Boundary, Metric, Suite, Unit};
use serde::Deserialize;
use thiserror::Error;

pub(crate) use judge::judge_some;
pub use judge::{Finding, Judgement, judge};
pub use verdict::{Range, Standing, Verdict};

/// Schema id of a table of claims.
pub const SCHEMA: &str = "plimsoll.claims/1";

const PUBLISHED: &str = include_str!("../claims.toml");

/// Why a table of claims is invalid.
#[derive(Debug, Error)]
pub enum ClaimsError {
    /// The file cannot be read.
    #[error("cannot read the claims in {path}: {source}")]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Invalid TOML, or not in the format of a table of claims.
    #[error("{name} is no table of claims: {source}")]
    Shape {
        /// Name of the table.
        name: String,
        /// Location and reason.
        source: Box<toml::de::Error>,
    },
    /// An unsupported schema.
    #[error("{name} has schema {found:?}, this version reads {SCHEMA:?}")]
    Schema {
        /// Name of the table.
        name: String,
        /// The schema in the table.
        found: String,
    },
    /// A source's address is not an https URL.
    #[error("{name}: source {id:?} has an url that does not begin with https://")]
    Source {
        /// Name of the table.
        name: String,
        /// Id of the source.
        id: String,
    },
    /// An invalid claim.
    #[error("{name}: claim {claim:?} {what}")]
    Claim {
        /// Name of the table.
        name: String,
        /// Id of the claim.
        claim: String,
        /// The error and how to fix it.
        what: String,
    },
}

/// Published claims, in the order of their table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Claims {
    claims: Vec<(Claim, Source)>,
}

/// Where a claim was published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    id: String,
    /// Author or organisation.
    pub author: Option<String>,
    /// Title of the publication.
    pub title: String,
    /// Year of publication, or of reading for a page that changes.
    pub year: Option<u16>,
    /// Its https address.
    pub url: Option<String>,
}

/// One published claim.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Unique id, for programs and links.
    pub id: String,
    /// Subject in a few words.
    pub title: String,
    /// The claim as a sentence.
    pub says: String,
    source: String,
    /// The figure as published.
    pub figure: Option<String>,
    /// Start and end of the published measurement.
    pub boundary: Option<String>,
    /// Machine, versions and load of the published figure.
    pub condition: Option<String>,
    /// Location in the source, if known.
    pub place: Option<String>,
    /// How the sentence was interpreted as a range, if not obvious.
    pub read_as: Option<String>,
    /// Lower end of the range in `unit`; `None` for "at most".
    pub low: Option<f64>,
    /// Upper end of the range in `unit`; `None` for "at least".
    pub high: Option<f64>,
    /// Unit of `low` and `high`.
    pub unit: Option<ClaimUnit>,
    /// Meaning of a figure below the range, if the unit does not imply it: `slower than claimed`.
    pub below: Option<String>,
    /// Meaning of a figure above the range.
    pub above: Option<String>,
    /// Why no run can test it.
    pub because: Option<String>,
    /// The figures to compare it with; empty if and only if `because` is present.
    #[serde(default)]
    pub measured: Vec<Reading>,
}

/// Unit of a claim's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum ClaimUnit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Millions of bytes.
    #[serde(rename = "MB")]
    Megabytes,
    /// Thousands of bytes.
    #[serde(rename = "kB")]
    Kilobytes,
    /// Ratio of two figures.
    #[serde(rename = "times")]
    Times,
    /// Ratio of two figures in percent.
    #[serde(rename = "%")]
    Percent,
    /// No number is claimed.
    #[serde(rename = "words")]
    Words,
}

impl ClaimUnit {
    /// The unit of the measured values to compare; `None` for ratios.
    pub fn of_rows(self) -> Option<Unit> {
        match self {
            ClaimUnit::Seconds | ClaimUnit::Milliseconds | ClaimUnit::Microseconds => {
                Some(Unit::Nanoseconds)
            }
            ClaimUnit::Megabytes | ClaimUnit::Kilobytes => Some(Unit::Bytes),
            ClaimUnit::Times | ClaimUnit::Percent | ClaimUnit::Words => None,
        }
    }

    /// Factor to a row's unit, or to a plain ratio.
    pub fn scale(self) -> f64 {
        match self {
            ClaimUnit::Seconds => 1e9,
            ClaimUnit::Milliseconds | ClaimUnit::Megabytes => 1e6,
            ClaimUnit::Microseconds | ClaimUnit::Kilobytes => 1e3,
            ClaimUnit::Times | ClaimUnit::Words => 1.0,
            ClaimUnit::Percent => 0.01,
        }
    }
}

/// The measurements to compare a claim with: figures of one suite, or ratios of two.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// What is compared, in a few words.
    pub view: String,
    /// The suite that measures it.
    pub suite: Suite,
    /// The figure, or the ratio's numerator.
    pub of: Side,
    /// The ratio's denominator, if a ratio is claimed.
    pub over: Option<Side>,
    /// Whether to average ratios over workloads.
    pub mean: Option<Mean>,
    /// If not empty, the figure is the share of these programs that a target ran with verified output. A run that lacks
    /// one of them has no figure.
    #[serde(default)]
    pub share_of: Vec<String>,
}

/// How to average ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mean {
    /// Geometric mean over the workloads that all compared targets completed.
    Geometric,
}

/// Selects rows of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Targets of this kind, except those in `not_by_kind`.
    pub kind: Option<TargetKind>,
    /// Limits these to targets that execute code in this way.
    pub family: Option<Family>,
    /// Target name as a glob.
    pub target: Option<String>,
    /// The boundary of the rows.
    pub boundary: Boundary,
    /// The metric of the rows; wall time by default.
    #[serde(default = "wall_time")]
    pub metric: Metric,
    /// Workload as a glob; `hello` by default.
    #[serde(default = "hello")]
    pub workload: String,
    /// Globs of targets that `kind` excludes: the table's `not_by_kind`.
    #[serde(skip)]
    pub not_by_kind: Vec<String>,
}

fn wall_time() -> Metric {
    Metric::WallTime
}

fn hello() -> String {
    "hello".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    schema: String,
    #[serde(default)]
    not_by_kind: Vec<String>,
    #[serde(default)]
    source: Vec<Source>,
    #[serde(default)]
    claim: Vec<Claim>,
}

impl Claims {
    /// The claims included in this version.
    ///
    /// # Panics
    /// Never: a test reads them.
    pub fn published() -> Self {
        match Self::parse("claims.toml", PUBLISHED) {
            Ok(claims) => claims,
            Err(error) => unreachable!("{error}"),
        }
    }

    /// Reads claims from a file.
    ///
    /// # Errors
    /// [`ClaimsError`] if it cannot be read or is no table of claims.
    pub fn read(path: &Path) -> Result<Self, ClaimsError> {
        let text = fs::read_to_string(path).map_err(|source| ClaimsError::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Parses claims; errors refer to the text as `name`.
    ///
    /// # Errors
    /// [`ClaimsError`] if it is no table of claims.
    pub fn parse(name: &str, text: &str) -> Result<Self, ClaimsError> {
        let shape = |source| ClaimsError::Shape {
            name: name.to_owned(),
            source: Box::new(source),
        };
        let table: Table = toml::from_str(text).map_err(shape)?;
        if table.schema != SCHEMA {
            return Err(ClaimsError::Schema {
                name: name.to_owned(),
                found: table.schema,
            });
        }
        for source in &table.source {
            // The report links to it.
            if source
                .url
                .as_ref()
                .is_some_and(|url| !url.starts_with("https://"))
            {
                return Err(ClaimsError::Source {
                    name: name.to_owned(),
                    id: source.id.clone(),
                });
            }
        }
        let mut seen = BTreeSet::new();
        let mut claims = Vec::new();
        for mut claim in table.claim {
            for reading in &mut claim.measured {
                let sides = std::iter::once(&mut reading.of).chain(&mut reading.over);
                sides.for_each(|side| side.not_by_kind.clone_from(&table.not_by_kind));
            }
            let wrong = |what: String| ClaimsError::Claim {
                name: name.to_owned(),
                claim: claim.id.clone(),
                what,
            };
            if !seen.insert(claim.id.clone()) {
                return Err(wrong("is there twice".to_owned()));
            }
            check(&claim).map_err(wrong)?;
            let mut sources = table.source.iter();
            let source = sources.find(|source| source.id == claim.source);
            let source = source.ok_or_else(|| {
                wrong(format!(
                    "names the source {:?}, which no [[source]] has as its id",
                    claim.source
                ))
            })?;
            claims.push((claim, source.clone()));
        }
        Ok(Self { claims })
    }

    /// All claims with their sources.
    pub fn iter(&self) -> impl Iterator<Item = (&Claim, &Source)> {
        self.claims.iter().map(|(claim, source)| (claim, source))
    }

    /// Number of claims.
    pub fn len(&self) -> usize {
        self.claims.len()
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }
}

/// The error in a claim, as the end of a sentence.
fn check(claim: &Claim) -> Result<(), String> {
    let plain = |id: &str| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !id.is_empty() && id.chars().all(allowed)
    };
    if !plain(&claim.id) {
        return Err("has an id of other than small letters, digits and dashes".to_owned());
    }
    if claim.because.is_some() {
        return match claim.measured.is_empty() {
            true => Ok(()),
            false => Err("has both `because` and `measured`: one of them".to_owned()),
        };
    }
    if claim.measured.is_empty() {
        return Err(
            "has neither rows to compare it with (`measured`) nor a reason why there are none (`because`)"
                .to_owned(),
        );
    }
    let Some(unit) = claim.unit else {
        return Err("has no `unit`".to_owned());
    };
    let ends = [claim.low, claim.high];
    if ends.iter().all(Option::is_none) {
        return Err("claims no range: give `low`, `high` or both".to_owned());
    }
    if ends
        .iter()
        .flatten()
        .any(|end| !end.is_finite() || *end < 0.0)
    {
        return Err("claims a range with an end that is no number from 0 up".to_owned());
    }
    if let (Some(low), Some(high)) = (claim.low, claim.high)
        && low > high
    {
        return Err(format!("claims a range from {low} down to {high}"));
    }
    claim
        .measured
        .iter()
        .try_for_each(|reading| check_reading(reading, unit))
        .map_err(|what| what.to_owned())
}

fn check_reading(reading: &Reading, unit: ClaimUnit) -> Result<(), &'static str> {
    let sides = std::iter::once(&reading.of).chain(&reading.over);
    for side in sides {
        if side.kind.is_none() && side.target.is_none() {
            return Err("has a side without `kind` and `target`: it would take every row");
        }
    }
    if !reading.share_of.is_empty() {
        return match (unit, &reading.over, reading.mean) {
            (ClaimUnit::Percent, None, None) => Ok(()),
            _ => Err("has a share (`share_of`) in a unit other than %, or a ratio besides"),
        };
    }
    match (unit.of_rows(), &reading.over) {
        (Some(_), Some(_)) => Err("has a ratio (`over`) in a unit that is none: times or %"),
        (None, None) => Err("claims a ratio and does not say of what (`over`)"),
        (Some(unit), None) if reading.of.metric.unit() != unit => {
            Err("is in a unit that its metric is not measured in")
        }
        (Some(_), None) if reading.mean.is_some() => Err("has `mean`, which only a ratio can have"),
        (None, Some(over))
            if reading.of.metric == Metric::WallTime
                && over.boundary.stops_at() != reading.of.boundary.stops_at() =>
        {
            Err("compares two times that stop at different moments, such as ready and first output")
        }
        (None, Some(over)) if over.metric.unit() != reading.of.metric.unit() => {
            Err("has a ratio of two metrics of different units")
        }
        _ => Ok(()),
    }
}
