//! A series over time, and its changes of level.

use std::collections::BTreeMap;
use std::fmt::Write;

use plimsoll_analysis::Row;
use plimsoll_analysis::statistics::{Change, changes, discoveries};
use plimsoll_record::{Run, Unit};
use time::OffsetDateTime;
use time::macros::format_description;

use super::runs::HistoryRun;
use super::series::{self, Key};
use crate::ui::format;
use crate::ui::terminal::{BAD, BOLD, DIM, GOOD, styled};

/// Maximum runs in a sparkline, newest ones.
const SPARKS: usize = 30;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One series over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend<'a> {
    /// Its name; for an older series of the same name, with the difference.
    pub name: String,
    /// The unit of its medians.
    pub unit: Unit,
    /// Its runs and rows, oldest first.
    pub points: Vec<(&'a HistoryRun, &'a Row)>,
    /// Its changes of level.
    pub changes: Vec<Change>,
}

/// The series of all rows that satisfy `wanted`, with those of the newest run first. `runs` are in order of
/// time.
pub fn trends<'a>(runs: &[&'a HistoryRun], wanted: impl Fn(&Row) -> bool) -> Vec<Trend<'a>> {
    let mut positions: BTreeMap<Key, usize> = BTreeMap::new();
    let mut found: Vec<(Key, Vec<(&HistoryRun, &Row)>)> = Vec::new();
    for run in runs.iter().rev() {
        for row in run.rows.iter().filter(|row| wanted(row)) {
            let key = Key::of(&run.run, row);
            let at = *positions.entry(key.clone()).or_insert_with(|| {
                found.push((key, Vec::new()));
                found.len() - 1
            });
            found[at].1.push((run, row));
        }
    }
    let mut newest: BTreeMap<series::Question, Key> = BTreeMap::new();
    let mut trends: Vec<Trend<'_>> = found
        .into_iter()
        .map(|(key, mut points)| {
            points.reverse();
            let (_, row) = points[0];
            let medians: Vec<f64> = points.iter().filter_map(|(_, row)| row.median).collect();
            let mut name = series::name(row);
            match newest.get(&key.question) {
                Some(newer) => {
                    let _ = write!(name, " ({})", key.apart(newer));
                }
                None => {
                    newest.insert(key.question.clone(), key);
                }
            }
            Trend {
                name,
                unit: row.unit,
                changes: changes(&medians),
                points,
            }
        })
        .collect();
    let clearest: Vec<Option<f64>> = trends
        .iter()
        .map(|trend| {
            let p_values = trend.changes.iter().map(|change| change.p_value);
            p_values.min_by(f64::total_cmp)
        })
        .collect();
    for (trend, is_found) in trends.iter_mut().zip(discoveries(&clearest)) {
        if !is_found {
            trend.changes.clear();
        }
    }
    trends
}

/// One line per series: its sparkline, its newest median, and its newest change of level.
pub fn table(trends: &[Trend<'_>]) -> String {
    let mut text = String::new();
    let width = trends.iter().map(|trend| trend.name.chars().count());
    let width = width.max().unwrap_or(0);
    let sparks = trends.iter().map(|trend| trend.points.len().min(SPARKS));
    let sparks = sparks.max().unwrap_or(0).max(5);
    let heading = format!(
        "{:width$} {:>5} {:sparks$} {:>8}  {:18} level",
        "", "runs", "trend", "newest", "95 % interval"
    );
    let _ = writeln!(text, "{}", styled(BOLD, &heading));
    for trend in trends {
        let newest = trend.points.last().and_then(|(_, row)| row.median);
        let _ = writeln!(
            text,
            "{:width$} {:>5} {:sparks$} {:>8}  {:18} {}",
            trend.name,
            trend.points.len(),
            sparkline(trend),
            newest.map_or_else(String::new, |median| format::value(median, trend.unit)),
            trend
                .points
                .last()
                .map_or_else(String::new, |(_, row)| interval(row)),
            level(trend),
        );
    }
    text
}

/// Describes the newest change of level.
fn level(trend: &Trend<'_>) -> String {
    let Some(change) = trend.changes.last() else {
        return styled(DIM, "no change shown");
    };
    let (run, _) = trend.points[change.at];
    let step = match change.before > 0.0 {
        true => format!("{:+.1} %", 100.0 * (change.after / change.before - 1.0)),
        false => "from zero or less".to_owned(),
    };
    let rises = change.after > change.before;
    let better = rises == (trend.unit == Unit::PerSecond);
    let said = format!("{step} since {}", run.run.id);
    let more = match trend.changes.len() {
        1 => String::new(),
        n => format!(", {} before", format::count(n - 1, "change")),
    };
    styled(if better { GOOD } else { BAD }, &said) + &more
}

/// The medians of the newest runs, scaled from the lowest to the highest.
fn sparkline(trend: &Trend<'_>) -> String {
    let medians: Vec<f64> = trend
        .points
        .iter()
        .filter_map(|(_, row)| row.median)
        .collect();
    let shown = &medians[medians.len().saturating_sub(SPARKS)..];
    let low = shown.iter().copied().fold(f64::INFINITY, f64::min);
    let high = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Steps within the usual noise between runs must not look like cliffs.
    let least = low.abs() * 8.0 * plimsoll_analysis::noise::LEAST_FLOOR;
    let span = (high - low).max(least);
    shown
        .iter()
        .map(|median| match span > 0.0 {
            true => {
                let step = (7.0 * (median - low) / span).round();
                BLOCKS[(step as usize).min(7)]
            }
            false => BLOCKS[0],
        })
        .collect()
}

/// Every run of every row, with its interval.
pub fn runs(trends: &[Trend<'_>]) -> String {
    let mut text = String::new();
    for trend in trends {
        let _ = writeln!(text, "\n{}", styled(BOLD, &trend.name));
        for (position, (run, row)) in trend.points.iter().enumerate() {
            let median = row.median.unwrap_or_default();
            let changed = trend.changes.iter().find(|change| change.at == position);
            let mark = match changed {
                Some(change) => format!(
                    "  new level: {} to {} (p = {:.3})",
                    format::value(change.before, row.unit),
                    format::value(change.after, row.unit),
                    change.p_value
                ),
                None => String::new(),
            };
            let _ = writeln!(
                text,
                "{} {:>8}  {:18} {:>3} trials  {:14}{mark}",
                when(run.run.started),
                format::value(median, row.unit),
                interval(row),
                row.trials,
                revision(&run.run),
            );
        }
    }
    text
}

fn interval(row: &Row) -> String {
    match row.ci95 {
        Some([low, high]) => format!(
            "{} to {}",
            format::value(low, row.unit),
            format::value(high, row.unit)
        ),
        None => "no interval".to_owned(),
    }
}

fn revision(run: &Run) -> &str {
    let known = run.environment.other.get("source revision");
    known.map_or("", String::as_str)
}

fn when(started: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    let written = started.format(format);
    written.unwrap_or_else(|_| started.unix_timestamp().to_string())
}
