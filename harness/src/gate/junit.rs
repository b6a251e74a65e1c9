//! The report of a gate as JUnit XML: one test case per row, for tools that show test results.
//!
//! Written by hand, because it has only three elements and five characters to escape; a test reads it back
//! with an XML parser. The crate `quick-junit` would add a calendar, UUIDs and an XML writer to every build
//! of `bench`.

use std::fmt::Write;

use plimsoll_analysis::gate::{GateReport, GateRow, PassRow, RowVerdict};

/// The report with one `testsuite` per suite. A regression is a failure; inconclusive and unjudged rows are
/// skipped.
pub fn xml(report: &GateReport) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<&GateRow> = report.rows.iter().collect();
    let scripts: Vec<RowVerdict> = report.passes.iter().map(|row| row.verdict).collect();
    let every: Vec<RowVerdict> = verdicts(&all).chain(scripts.iter().copied()).collect();
    let _ = writeln!(text, "<testsuites name=\"bench gate\" {}>", numbers(&every));
    let mut suites: Vec<_> = report.rows.iter().map(|row| row.suite).collect();
    suites.sort_unstable();
    suites.dedup();
    for suite in suites {
        let rows: Vec<&GateRow> = all.iter().copied().filter(|r| r.suite == suite).collect();
        let counted: Vec<RowVerdict> = verdicts(&rows).collect();
        let _ = writeln!(text, "  <testsuite name=\"{suite}\" {}>", numbers(&counted));
        for row in rows {
            case(&mut text, row);
        }
        text.push_str("  </testsuite>\n");
    }
    if !report.passes.is_empty() {
        let _ = writeln!(
            text,
            "  <testsuite name=\"conformance\" {}>",
            numbers(&scripts)
        );
        for row in &report.passes {
            script(&mut text, row);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn verdicts(rows: &[&GateRow]) -> impl Iterator<Item = RowVerdict> {
    rows.iter().map(|row| row.verdict)
}

fn is_skipped(verdict: RowVerdict) -> bool {
    matches!(
        verdict,
        RowVerdict::Inconclusive | RowVerdict::New | RowVerdict::NotJudged
    )
}

fn numbers(rows: &[RowVerdict]) -> String {
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\"",
        rows.len(),
        rows.iter().filter(|verdict| verdict.fails()).count(),
        rows.iter().filter(|verdict| is_skipped(**verdict)).count(),
    )
}

fn case(text: &mut String, row: &GateRow) {
    let class = escaped(&format!("{}.{}", row.suite, row.key.target));
    let mut name = row.key.name();
    if row.against != "base" {
        name = format!("{name} against {}", row.against);
    }
    let message = format!("{}: {}", row.verdict.name(), row.reason);
    test_case(text, (&class, &name), row.verdict, &message);
}

fn script(text: &mut String, row: &PassRow) {
    let class = escaped(&format!("conformance.{}", row.target));
    let name = format!("{} against {}", row.script, row.against);
    let message = format!("{}: {}", row.verdict.name(), row.reason);
    test_case(text, (&class, &name), row.verdict, &message);
}

fn test_case(text: &mut String, (class, name): (&str, &str), verdict: RowVerdict, message: &str) {
    let _ = write!(
        text,
        "    <testcase classname=\"{class}\" name=\"{}\"",
        escaped(name)
    );
    let message = escaped(message);
    let _ = match (verdict.fails(), is_skipped(verdict)) {
        (true, _) => writeln!(
            text,
            ">\n      <failure type=\"{}\" message=\"{message}\"/>\n    </testcase>",
            verdict.name()
        ),
        (_, true) => writeln!(
            text,
            ">\n      <skipped message=\"{message}\"/>\n    </testcase>"
        ),
        _ => writeln!(text, "/>"),
    };
}

/// `text` as an attribute's value. Characters that XML 1.0 forbids become U+FFFD.
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
