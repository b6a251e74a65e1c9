//! Results over several machines as Markdown.

use std::fmt::Write;

use super::{Machines, RULE};
use crate::markdown::inline;

/// Writes the section. Writing to a String cannot fail, so the results of write! are ignored throughout.
pub(crate) fn markdown(text: &mut String, machines: &Machines<'_>) {
    text.push_str("\n# Across machines\n\n");
    for sentence in machines.sentences() {
        let _ = writeln!(text, "- {}", inline(&sentence));
    }
    let columns = machines.columns();
    for table in machines.tables() {
        let _ = writeln!(
            text,
            "\n## {} ({})\n",
            inline(table.workload.as_str()),
            table.suite
        );
        let names: String = columns
            .iter()
            .map(|name| format!(" {} |", inline(name)))
            .collect();
        let _ = writeln!(
            text,
            "| target | at |{names} machines | median | interval | between machines | between trials | within a trial |"
        );
        let _ = writeln!(text, "|---|---|{}", "---:|".repeat(columns.len() + 6));
        for line in &table.lines {
            let _ = write!(
                text,
                "| {} | {} |",
                inline(&line.target),
                inline(&line.what)
            );
            if !columns.is_empty() {
                line.by_machine.iter().for_each(|cell| {
                    let _ = write!(text, " {cell} |");
                });
            }
            let spread = line.spread.join(" | ");
            let _ = writeln!(
                text,
                " {} | {} | {} | {spread} |",
                line.scope, line.median, line.interval
            );
        }
    }
    if !machines.claims.is_empty() {
        text.push_str("\n| claim | on these machines |\n|---|---|\n");
    }
    for one in &machines.claims {
        let _ = writeln!(
            text,
            "| {} | {} |",
            inline(one.says),
            inline(&one.words(&machines.across))
        );
    }
    let _ = writeln!(text, "\n{RULE}");
}
