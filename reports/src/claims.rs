//! What has been published, held against what was measured.
//!
//! `claims.toml` holds each claim with its source, the range it claims and the rows of a run that
//! it can be held against. Everything here is a pure function of that table and of recorded runs.
//!
//! # Layout
//!
//! - [`Claims`]: the table, read and checked
//! - [`judge()`]: a verdict a claim, with every figure it rests on
//! - `verdict`: the rule
//! - `sentences`: the verdicts in sentences

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

/// The schema of a table of claims.
pub const SCHEMA: &str = "plimsoll.claims/1";

const PUBLISHED: &str = include_str!("../claims.toml");

/// Why a table of claims cannot be used.
#[derive(Debug, Error)]
pub enum ClaimsError {
    /// The file cannot be read.
    #[error("cannot read the claims in {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not TOML, or not of the shape of a table of claims.
    #[error("{name} is no table of claims: {source}")]
    Shape {
        /// The file.
        name: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// It is of a schema that this version does not know.
    #[error("{name} has schema {found:?}, this version reads {SCHEMA:?}")]
    Schema {
        /// The file.
        name: String,
        /// What it says it is.
        found: String,
    },
    /// The address of one of its sources is none.
    #[error("{name}: source {id:?} has an url that does not begin with https://")]
    Source {
        /// The file.
        name: String,
        /// Which source.
        id: String,
    },
    /// One of its claims makes no sense.
    #[error("{name}: claim {claim:?} {what}")]
    Claim {
        /// The file.
        name: String,
        /// Which claim.
        claim: String,
        /// What is wrong with it, and what would be right.
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
    /// Who wrote it.
    pub author: Option<String>,
    /// Its title.
    pub title: String,
    /// Year of publication; of a page that changes, of reading.
    pub year: Option<u16>,
    /// Address where it can be read.
    pub url: Option<String>,
}

/// One published claim.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its name: unique, for programs and links.
    pub id: String,
    /// What it is about, in a few words.
    pub title: String,
    /// The claim in a sentence.
    pub says: String,
    source: String,
    /// The figure as published.
    pub figure: Option<String>,
    /// From where to where the published figure was measured.
    pub boundary: Option<String>,
    /// Machine, versions and load of the published figure.
    pub condition: Option<String>,
    /// Where in its source, as far as known.
    pub place: Option<String>,
    /// How the sentence became a range, where that takes reading.
    pub read_as: Option<String>,
    /// The least that is claimed, in `unit`; absent for "at most".
    pub low: Option<f64>,
    /// The most that is claimed, in `unit`; absent for "at least".
    pub high: Option<f64>,
    /// What `low` and `high` are in.
    pub unit: Option<ClaimUnit>,
    /// What a figure below the range means, if not what its unit says: `slower than claimed`.
    pub below: Option<String>,
    /// The same of a figure above it.
    pub above: Option<String>,
    /// Why no run can be held against it.
    pub because: Option<String>,
    /// What it is held against; empty exactly if `because` says why.
    #[serde(default)]
    pub measured: Vec<Reading>,
}

/// What a claim's figures are in.
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
    /// One figure over another.
    #[serde(rename = "times")]
    Times,
    /// One figure over another, in percent.
    #[serde(rename = "%")]
    Percent,
    /// No number is claimed.
    #[serde(rename = "words")]
    Words,
}

impl ClaimUnit {
    /// What measured values are in that are held against it; `None` for ratios.
    pub fn of_rows(self) -> Option<Unit> {
        match self {
            ClaimUnit::Seconds | ClaimUnit::Milliseconds | ClaimUnit::Microseconds => {
                Some(Unit::Nanoseconds)
            }
            ClaimUnit::Megabytes | ClaimUnit::Kilobytes => Some(Unit::Bytes),
            ClaimUnit::Times | ClaimUnit::Percent | ClaimUnit::Words => None,
        }
    }

    /// How much of a row's unit, or of a ratio, one of it is.
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

/// What a claim is held against: figures of one suite, or ratios of two of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// What is looked at, in a few words.
    pub view: String,
    /// The suite whose runs have it.
    pub suite: Suite,
    /// The figure.
    pub of: Side,
    /// What it is divided by, if a ratio is claimed.
    pub over: Option<Side>,
    /// Whether ratios are averaged over workloads.
    pub mean: Option<Mean>,
    /// The figure is how many of these programs a target ran to a verified output, and a run that
    /// lacks one of them has no figure.
    #[serde(default)]
    pub share_of: Vec<String>,
}

/// How ratios are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mean {
    /// The geometric mean over the workloads that every compared target completed.
    Geometric,
}

/// Which rows of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Targets of this kind, but for those of `not_by_kind`.
    pub kind: Option<TargetKind>,
    /// Of these, targets that run code in this way.
    pub family: Option<Family>,
    /// Targets of this name, a glob.
    pub target: Option<String>,
    /// Where it was measured.
    pub boundary: Boundary,
    /// What was measured.
    #[serde(default = "wall_time")]
    pub metric: Metric,
    /// The programs, a glob.
    #[serde(default = "hello")]
    pub workload: String,
    /// Targets that its kind does not take, globs: the table's `not_by_kind`.
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
    /// The claims that come with this version.
    ///
    /// # Panics
    /// Never: a test reads them.
    pub fn published() -> Self {
        match Self::parse("claims.toml", PUBLISHED) {
            Ok(claims) => claims,
            Err(error) => unreachable!("{error}"),
        }
    }

    /// The claims in a file.
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

    /// The claims in a text; `name` is what errors call it.
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
            // It becomes a link of the report.
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

    /// Every claim with where it was published.
    pub fn iter(&self) -> impl Iterator<Item = (&Claim, &Source)> {
        self.claims.iter().map(|(claim, source)| (claim, source))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.claims.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }
}

/// What is wrong with a claim, as the end of a sentence.
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
