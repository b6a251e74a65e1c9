//! The report of a gate on a terminal and in Markdown.

use std::fmt::Write;

use plimsoll_analysis::gate::report::RULE;
use plimsoll_analysis::gate::{GateReport, GateRow, Kind, Overall, PassRow, RowVerdict};

use plimsoll_analysis::reference::quotient;

use crate::ui::format;
use crate::ui::terminal::{BAD, BOLD, DIM, GOOD, WARN, styled};

// Writing to a String cannot fail, so the results of write! are dropped throughout.

/// The report within 100 columns: notable rows first, then all rows.
pub fn terminal(report: &GateReport) -> String {
    let mut text = String::new();
    let style = match report.verdict {
        Overall::Held => GOOD,
        Overall::Inconclusive | Overall::NotJudged => WARN,
        Overall::Regression => BAD,
    };
    let _ = writeln!(
        text,
        "\n{}: {} compared with {}",
        styled(style.bold(), report.verdict.name()),
        report.head,
        report.base
    );
    for warning in &report.warnings {
        let _ = writeln!(text, "{}: {warning}", styled(WARN, "warning"));
    }
    let width = report.rows.iter().map(|row| name(row).chars().count());
    let width = width.max().unwrap_or(0);
    let _ = writeln!(
        text,
        "{}",
        styled(
            BOLD,
            &format!(
                "{:width$} {:>8} {:>8} {:>6}  {:14} {:>6} {:>7}  verdict",
                "", "base", "head", "ratio", "95 % interval", "noise", "detects"
            )
        )
    );
    for row in &report.rows {
        let style = match row.verdict {
            RowVerdict::Regression | RowVerdict::Lost => BAD,
            RowVerdict::Inconclusive => WARN,
            RowVerdict::Improved => GOOD,
            RowVerdict::Held | RowVerdict::New | RowVerdict::NotJudged => DIM,
        };
        let line = format!(
            "{:width$} {:>8} {:>8} {:>6}  {:14} {:>6} {:>7}  {}",
            name(row),
            value(row, row.base),
            value(row, row.head),
            ratio(row),
            interval(row),
            noise(row),
            detects(row),
            row.verdict.name(),
        );
        let _ = writeln!(text, "{}", styled(style, &line));
        if needs_attention(row) {
            let _ = writeln!(text, "  {}", row.reason);
        }
    }
    for row in report.passes.iter().filter(|row| row.verdict.fails()) {
        let line = format!("{} {}: {}", row.target, row.script, row.counts());
        let _ = writeln!(text, "{}\n  {}", styled(BAD, &line), row.reason);
    }
    let _ = writeln!(text, "{}", totals(report));
    if let Some(sentence) = false_alarms(report) {
        let _ = writeln!(text, "{sentence}");
    }
    text
}

/// First line of the Markdown, which identifies the comment on a pull request.
pub const MARKER: &str = "<!-- bench gate -->";

/// Maximum size of a comment on GitHub minus what a CI step may add, bytes.
const COMMENT: usize = 60_000;

/// The report as Markdown, for a comment on a pull request or a job summary. If it is too long for a comment,
/// unremarkable rows are only counted.
pub fn markdown(report: &GateReport) -> String {
    let (notable, others): (Vec<&GateRow>, Vec<&GateRow>) =
        report.rows.iter().partition(|row| needs_attention(row));
    let mut text = heading(report);
    let end = footer(report);
    if !notable.is_empty() {
        table(&mut text, &notable, COMMENT - end.len());
    }
    let fewer = report.passes.iter().filter(|row| row.verdict.fails());
    scripts(&mut text, &fewer.collect::<Vec<_>>(), COMMENT - end.len());
    if !others.is_empty() {
        let _ = writeln!(
            text,
            "<details><summary>Rows that need no attention ({})</summary>\n",
            others.len()
        );
        table(&mut text, &others, COMMENT - end.len());
        text.push_str("</details>\n\n");
    }
    text + &end
}

fn heading(report: &GateReport) -> String {
    let mark = match report.verdict {
        Overall::Held => "✅",
        Overall::Inconclusive | Overall::NotJudged => "⚠️",
        Overall::Regression => "❌",
    };
    let mut text = format!(
        "{MARKER}\n## {mark} bench gate: {}\n\n{} compared with {}. {}\n\n",
        report.verdict.name(),
        escaped(&report.head),
        escaped(&report.base),
        totals(report)
    );
    for warning in &report.warnings {
        let _ = writeln!(text, "> **Warning:** {}\n", escaped(warning));
    }
    text
}

fn footer(report: &GateReport) -> String {
    let mut text = String::new();
    if let Some(sentence) = false_alarms(report) {
        let _ = writeln!(text, "{sentence}\n");
    }
    let _ = writeln!(
        text,
        "Threshold {}, to detect {}, growth {}. {RULE}",
        percent(report.settings.threshold),
        percent(report.settings.detect),
        percent(report.settings.growth)
    );
    text
}

/// The failing scripts of the specification's tests, in up to `most` bytes of text.
fn scripts(text: &mut String, rows: &[&PassRow], most: usize) {
    if rows.is_empty() {
        return;
    }
    text.push_str("| target | script | passes | why |\n|---|---|---|---|\n");
    let lines = rows.iter().map(|row| {
        format!(
            "| {} | {} | {} | {} |\n",
            escaped(row.target.as_str()),
            escaped(&row.script),
            row.counts(),
            escaped(&row.reason)
        )
    });
    lines_within(text, lines, most);
}

/// Appends lines while `text` stays below `most` bytes, then the number of omitted lines.
fn lines_within(text: &mut String, lines: impl ExactSizeIterator<Item = String>, most: usize) {
    let all = lines.len();
    for (at, line) in lines.enumerate() {
        if text.len() + line.len() > most {
            let _ = writeln!(
                text,
                "\n{} more are left out here; gate.md and gate.json have them.\n",
                all - at
            );
            return;
        }
        text.push_str(&line);
    }
    text.push('\n');
}

fn table(text: &mut String, rows: &[&GateRow], most: usize) {
    let _ = writeln!(
        text,
        "| row | against | base | head | ratio | 95 % interval | noise | detects | verdict | why |\n\
         |---|---|---:|---:|---:|---|---:|---:|---|---|"
    );
    let lines = rows.iter().map(|row| {
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            escaped(&name(row)),
            escaped(&row.against),
            value(row, row.base),
            value(row, row.head),
            ratio(row),
            interval(row),
            noise(row),
            detects(row),
            row.verdict.name(),
            escaped(&row.reason),
        )
    });
    lines_within(text, lines, most);
}

/// A row's display name.
fn name(row: &GateRow) -> String {
    match row.against.as_str() {
        "base" => row.key.name(),
        _ => format!("{}, pinned", row.key.name()),
    }
}

/// Whether a row needs a reader's attention.
fn needs_attention(row: &GateRow) -> bool {
    !matches!(row.verdict, RowVerdict::Held | RowVerdict::Improved)
}

/// The numbers of rows by verdict, as a sentence.
fn totals(report: &GateReport) -> String {
    let rows = counted(|verdict| report.count(verdict));
    let scripts = counted(|verdict| report.scripts(verdict));
    match (rows.is_empty(), scripts.is_empty()) {
        (true, true) => "No row was measured.".to_owned(),
        (false, true) => format!("Rows: {rows}."),
        (true, false) => format!("Scripts of the specification's tests: {scripts}."),
        (false, false) => {
            format!("Rows: {rows}. Scripts of the specification's tests: {scripts}.")
        }
    }
}

fn counted(of: impl Fn(RowVerdict) -> usize) -> String {
    let mut parts = Vec::new();
    for verdict in [
        RowVerdict::Regression,
        RowVerdict::Lost,
        RowVerdict::Inconclusive,
        RowVerdict::Improved,
        RowVerdict::Held,
        RowVerdict::New,
        RowVerdict::NotJudged,
    ] {
        let count = of(verdict);
        if count > 0 {
            parts.push(format!("{count} {}", verdict.name()));
        }
    }
    parts.join(", ")
}

fn false_alarms(report: &GateReport) -> Option<String> {
    let alarms = report.false_alarms?;
    Some(format!(
        "False alarms: base against base, labels drawn again {} times, would have failed {} times: at most {} \
         of such gates.",
        alarms.gates,
        alarms.failed,
        percent(alarms.rate_at_most)
    ))
}

/// A share of 1 as a percentage with one digit.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn value(row: &GateRow, value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format::value(value, row.unit))
}

fn ratio(row: &GateRow) -> String {
    let of_medians = || quotient(row.head?, row.base?);
    let ratio = row.first.map(|first| first.ratio).or_else(of_medians);
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"))
}

fn interval(row: &GateRow) -> String {
    match (row.first, row.kind) {
        (Some(first), Kind::Timed) => format!("{:.3} to {:.3}", first.ci95.low, first.ci95.high),
        _ => "-".to_owned(),
    }
}

fn noise(row: &GateRow) -> String {
    row.first
        .map_or_else(|| "-".to_owned(), |first| percent(first.noise))
}

fn detects(row: &GateRow) -> String {
    match (row.minimum_detectable, row.kind, row.first) {
        (Some(effect), _, _) if effect.is_finite() => percent(effect),
        (_, Kind::Deterministic, Some(first)) => percent(first.floor),
        _ => "-".to_owned(),
    }
}

/// `text` with Markdown markup escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '\\' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // A mention or an issue reference would send notifications.
            '@' => escaped.push_str("&#64;"),
            '#' => escaped.push_str("&#35;"),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
