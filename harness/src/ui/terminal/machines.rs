//! Runs of several machines on a terminal.

use std::fmt::Write;

use reports::machines::{Machines, RULE};

use super::{BOLD, DIM, styled};

/// Machines, medians over them, and claims by machine. The tables of each run have the single machine's
/// results.
pub fn machines(machines: &Machines<'_>) -> String {
    let mut text = format!("\n{}\n", styled(BOLD, "Across machines"));
    for sentence in machines.sentences() {
        let _ = writeln!(text, "{sentence}");
    }
    for table in machines.tables() {
        let heading = styled(BOLD, table.workload.as_str());
        let _ = writeln!(
            text,
            "\n{heading}: {} across machines; spread between machines, between trials, within a trial",
            table.suite
        );
        let width = |of: fn(&reports::machines::Line) -> &str| {
            let widths = table.lines.iter().map(|line| of(line).chars().count());
            widths.max().unwrap_or(0)
        };
        let name = width(|line| &line.target);
        let what = width(|line| &line.what);
        let scope = width(|line| &line.scope);
        let interval = width(|line| &line.interval);
        for line in &table.lines {
            let spread = line.spread.join(" ").replace('\u{a0}', "");
            let _ = writeln!(
                text,
                "{:name$} {:what$} {:>9} {:interval$} {:>scope$} {}",
                line.target,
                line.what,
                line.median,
                line.interval,
                line.scope,
                styled(DIM, &spread),
            );
        }
    }
    if !machines.claims.is_empty() {
        let _ = writeln!(text, "\n{}", styled(BOLD, "Published claims by machine"));
    }
    for one in &machines.claims {
        let _ = writeln!(text, "{}\n  {}", one.says, one.words(&machines.across));
    }
    let _ = writeln!(text, "\n{RULE}");
    text
}
