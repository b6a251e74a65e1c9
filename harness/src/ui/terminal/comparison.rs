//! Comparisons with a base, as tables of ratios; rows without a difference are dimmed.

use std::fmt::Write;

use plimsoll_analysis::{ComparedRow, Comparison, Measured, Verdict};

use super::{BAD, BOLD, DIM, GOOD, WARN, styled};
use crate::ui::format;

/// One candidate compared with the base.
pub fn one(comparison: &Comparison) -> String {
    let mut text = warnings(comparison, "");
    let width = comparison.rows.iter().map(|row| name(row).chars().count());
    let width = width.max().unwrap_or(0);
    let _ = writeln!(
        text,
        "{:width$} {:10} {:>8} {:>8} {:>6}  {:14} verdict",
        "", "metric", "base", "cand.", "ratio", "95 % interval"
    );
    for row in &comparison.rows {
        let interval = row.ci95.as_ref().map_or_else(
            || "no interval".to_owned(),
            |ci| format!("{:.3} to {:.3}", ci.low, ci.high),
        );
        let line = format!(
            "{:width$} {:10} {:>8} {:>8} {:>6.3}  {interval:14} {}",
            name(row),
            row.key.metric.name(),
            format::value(row.base, row.unit),
            format::value(row.candidate, row.unit),
            row.ratio,
            row.verdict.word(row.unit),
        );
        let _ = writeln!(text, "{}", styled(style(row.verdict), &line));
    }
    text + &unmatched(comparison, "") + &totals(comparison, "candidate")
}

/// Several candidates side by side.
pub fn several(comparisons: &[Comparison]) -> String {
    let mut text = String::new();
    for (at, comparison) in comparisons.iter().enumerate() {
        let _ = writeln!(
            text,
            "{} {}",
            letter(at),
            styled(BOLD, &comparison.candidate)
        );
        text += &warnings(comparison, "  ");
    }
    let mut rows: Vec<&ComparedRow> = Vec::new();
    for row in comparisons.iter().flat_map(|comparison| &comparison.rows) {
        if !rows.iter().any(|known| known.key == row.key) {
            rows.push(row);
        }
    }
    let width = rows.iter().map(|row| name(row).chars().count());
    let width = width.max().unwrap_or(0);
    let _ = write!(text, "{:width$} {:10} {:>8}", "", "metric", "base");
    for at in 0..comparisons.len() {
        let _ = write!(text, "  {:>8} {:>6}  ", letter(at), "ratio");
    }
    text.push('\n');
    for known in rows {
        let _ = write!(
            text,
            "{:width$} {:10} {:>8}",
            name(known),
            known.key.metric.name(),
            format::value(known.base, known.unit)
        );
        for comparison in comparisons {
            let mut rows = comparison.rows.iter();
            let Some(row) = rows.find(|row| row.key == known.key) else {
                let _ = write!(text, "  {:>8} {:>6}  ", "-", "-");
                continue;
            };
            let mark = match row.verdict {
                Verdict::Faster => '↓',
                Verdict::Slower => '↑',
                Verdict::NoDifferenceShown => ' ',
            };
            let cell = format!(
                "{:>8} {:>6.3} {mark}",
                format::value(row.candidate, row.unit),
                row.ratio
            );
            let _ = write!(text, "  {}", styled(style(row.verdict), &cell));
        }
        text.push('\n');
    }
    for (at, comparison) in comparisons.iter().enumerate() {
        text += &unmatched(comparison, &format!("{}: ", letter(at)));
        text += &totals(comparison, &letter(at));
    }
    text + "↓ faster or less, ↑ slower or more, by the same rule as for one candidate.\n"
}

/// A candidate's letter, for narrow columns.
fn letter(at: usize) -> String {
    let letter = u8::try_from(at).ok().filter(|at| *at < 26);
    letter.map_or_else(|| at.to_string(), |at| char::from(b'A' + at).to_string())
}

fn name(row: &ComparedRow) -> String {
    let name = format!(
        "{} {} {}",
        row.key.workload, row.key.target, row.key.boundary
    );
    match row.key.at {
        Some(at) => format!("{name} at {at}"),
        None => name,
    }
}

fn style(verdict: Verdict) -> anstyle::Style {
    match verdict {
        Verdict::Faster => GOOD,
        Verdict::Slower => BAD,
        Verdict::NoDifferenceShown => DIM,
    }
}

fn warnings(comparison: &Comparison, indent: &str) -> String {
    let warnings = comparison.warnings.iter();
    let lines = warnings.map(|warning| format!("{indent}{}: {warning}\n", styled(WARN, "warning")));
    lines.collect()
}

/// Lost trials and rows without a ratio.
fn unmatched(comparison: &Comparison, prefix: &str) -> String {
    let mut text = String::new();
    for row in &comparison.rows {
        let Some(lost) = &row.lost else {
            continue;
        };
        let side = match lost.measured_in {
            Measured::CandidateOnly => "base",
            Measured::BaseOnly | Measured::Both => "candidate",
        };
        let _ = writeln!(
            text,
            "{prefix}{}: the {side} lost trials: {}",
            row.key.name(),
            lost.reason
        );
    }
    for row in &comparison.unmatched {
        let side = match row.measured_in {
            Measured::BaseOnly => "only the base has it; candidate: ",
            Measured::CandidateOnly => "only the candidate has it; base: ",
            Measured::Both => "",
        };
        let _ = writeln!(text, "{prefix}{}: {side}{}", row.key.name(), row.reason);
    }
    text
}

fn totals(comparison: &Comparison, over: &str) -> String {
    format!(
        "{} faster or less, {} slower or more, {} without a difference shown; {over} over base.\n",
        comparison.count(Verdict::Faster),
        comparison.count(Verdict::Slower),
        comparison.count(Verdict::NoDifferenceShown),
    )
}
