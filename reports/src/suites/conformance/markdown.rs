//! The suite `conformance` as Markdown and as badges.

use std::fmt::Write;

use plimsoll_analysis::Analysed;
use plimsoll_analysis::conformance::Cell;
use plimsoll_record::TargetId;

use crate::suites::conformance::sections::{COUNTS, counts, each, how, shown};

/// Maximum failures listed per target in Markdown.
const LISTED: usize = 200;

/// Sentences, matrix, totals and failures; empty for other suites.
pub(crate) fn markdown(run: &Analysed<'_>, inline: impl Fn(&str) -> String) -> String {
    let Some(matrix) = &run.matrix else {
        return String::new();
    };
    let mut text = String::new();
    for sentence in each(matrix) {
        let _ = writeln!(text, "- {}", inline(&sentence));
    }
    let heading = |text: &mut String, first: &str, columns: &mut dyn Iterator<Item = String>| {
        let columns: Vec<String> = columns.collect();
        let _ = writeln!(text, "| {first} | {} |", columns.join(" | "));
        let _ = writeln!(text, "|---|{}", "---:|".repeat(columns.len()));
    };
    text.push_str("\n## What passes\n\n");
    let mut targets = matrix.targets.iter().map(|target| inline(target.as_str()));
    heading(&mut text, "group", &mut targets);
    for group in &matrix.specification.groups {
        let _ = write!(text, "| {} |", inline(group.id.as_str()));
        for target in &matrix.targets {
            let cell = matrix.cell(target, &group.id);
            let _ = write!(text, " {} |", inline(&cell.map_or_else(String::new, shown)));
        }
        text.push('\n');
    }
    text.push('\n');
    heading(
        &mut text,
        "target",
        &mut COUNTS.iter().map(ToString::to_string),
    );
    for target in &matrix.targets {
        let counts = counts(&matrix.total(target)).map(|count| count.to_string());
        let _ = writeln!(
            text,
            "| {} | {} |",
            inline(target.as_str()),
            counts.join(" | ")
        );
    }
    for target in &matrix.targets {
        let mut lines = Vec::new();
        for cell in matrix.cells.iter().filter(|cell| cell.target == *target) {
            for script in cell.scripts {
                lines.extend(script.findings.iter().map(|finding| {
                    let at = format!("{}/{}:{}", cell.group.id, script.script, finding.line);
                    let address = matrix.permalink(cell.group, &script.script, finding.line);
                    let at = match address {
                        Some(address) => format!("[{}]({address})", inline(&at)),
                        None => inline(&at),
                    };
                    format!(
                        "- {at} {}: {}\n",
                        how(finding.how),
                        inline(&finding.message)
                    )
                }));
            }
        }
        if !lines.is_empty() {
            let _ = writeln!(text, "\n## {} does not pass\n", inline(target.as_str()));
            text.extend(lines.iter().take(LISTED).map(String::as_str));
            if lines.len() > LISTED {
                let _ = writeln!(text, "- and {} more, all in the JSON", lines.len() - LISTED);
            }
        }
    }
    text
}

/// A badge (SVG, 20 pixels high) with the share that `target` passes of the run's newest specification version; `None`
/// if the run has no such results.
pub fn badge(run: &Analysed<'_>, target: &TargetId) -> Option<String> {
    let matrix = run.matrix.as_ref()?;
    let mut cells = matrix.cells.iter().filter(|cell| cell.target == target);
    let of_a_version = |cell: &&Cell<'_>| {
        let group = cell.group;
        group.proposal.is_none() && !group.features.is_empty()
    };
    let cell = cells.rfind(of_a_version)?;
    let share = cell.share()?;
    let label = format!("{target}: {}", cell.group.title);
    let value = match cell.passes_all() {
        true => "100 %".to_owned(),
        false => format!("{:.1} %", (share * 1000.0).floor() / 10.0),
    };
    // Verdana at 11 pixels averages about 6.6 pixels per character; the text length is fixed to the reserved width.
    let width = |text: &str| text.chars().count() as u32 * 66 / 10 + 10;
    let (left, right) = (width(&label), width(&value));
    let colour = match share {
        whole if whole >= 1.0 => "#2e7d32",
        most if most >= 0.9 => "#9a6700",
        _ => "#b3261e",
    };
    let whole = left + right;
    let markup = maud::html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(whole) height="20" role="img" aria-label={ (label) " " (value) } {
            title { (label) " " (value) }
            rect width=(left) height="20" rx="3" fill="#444" {}
            rect x=(left) width=(right) height="20" rx="3" fill=(colour) {}
            g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle" {
                text x=(left / 2) y="14" textLength=(left - 10) { (label) }
                text x=(left + right / 2) y="14" textLength=(right - 10) { (value) }
            }
        }
    };
    Some(markup.into_string() + "\n")
}
