//! The report of a gate as JUnit XML: a test case a row, for what shows test results.
//!
//! Written by hand: it is three elements and five characters that must be escaped, and a test reads
//! it back with an XML parser. The crate for it, `quick-junit`, would bring a calendar, UUIDs and an XML
//! writer into every build of `bench`.

use std::fmt::Write;

use plimsoll_analysis::gate::{GateReport, GateRow, RowVerdict};

/// The report as one `testsuite` for each suite. A regression is a failure; what is inconclusive
/// or not judged is skipped.
pub fn xml(report: &GateReport) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<&GateRow> = report.rows.iter().collect();
    let _ = writeln!(text, "<testsuites name=\"bench gate\" {}>", numbers(&all));
    let mut suites: Vec<_> = report.rows.iter().map(|row| row.suite).collect();
    suites.sort_unstable();
    suites.dedup();
    for suite in suites {
        let rows: Vec<&GateRow> = all.iter().copied().filter(|r| r.suite == suite).collect();
        let _ = writeln!(text, "  <testsuite name=\"{suite}\" {}>", numbers(&rows));
        for row in rows {
            case(&mut text, row);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn is_skipped(row: &GateRow) -> bool {
    matches!(
        row.verdict,
        RowVerdict::Inconclusive | RowVerdict::New | RowVerdict::NotJudged
    )
}

fn numbers(rows: &[&GateRow]) -> String {
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\"",
        rows.len(),
        rows.iter().filter(|row| row.verdict.fails()).count(),
        rows.iter().filter(|row| is_skipped(row)).count(),
    )
}

fn case(text: &mut String, row: &GateRow) {
    let class = escaped(&format!("{}.{}", row.suite, row.key.target));
    let mut name = row.key.name();
    if row.against != "base" {
        name = format!("{name} against {}", row.against);
    }
    let _ = write!(
        text,
        "    <testcase classname=\"{class}\" name=\"{}\"",
        escaped(&name)
    );
    let message = escaped(&format!("{}: {}", row.verdict.name(), row.reason));
    let _ = match (row.verdict.fails(), is_skipped(row)) {
        (true, _) => writeln!(
            text,
            ">\n      <failure type=\"{}\" message=\"{message}\"/>\n    </testcase>",
            row.verdict.name()
        ),
        (_, true) => writeln!(
            text,
            ">\n      <skipped message=\"{message}\"/>\n    </testcase>"
        ),
        _ => writeln!(text, "/>"),
    };
}

/// `text` as an attribute's value. What XML 1.0 cannot hold becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\r' | '\t' => escaped.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
