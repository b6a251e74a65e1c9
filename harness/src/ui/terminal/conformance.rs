//! The suite `conformance` on a terminal: one line per group, one column per target, within 80 columns unless
//! names are long.

use std::fmt::Write;

use plimsoll_analysis::Analysed;
use plimsoll_analysis::conformance::{Cell, Matrix};
use plimsoll_record::conformance::Tally;

use super::{BAD, BOLD, DIM, GOOD, styled};

/// Maximum failures shown per target; the report has them all.
const SHOWN: usize = 12;

/// The matrix, the totals, and the first failures of each target.
pub fn tables(run: &Analysed<'_>) -> String {
    let Some(matrix) = &run.matrix else {
        return String::new();
    };
    let mut text = String::new();
    shares(&mut text, matrix);
    totals(&mut text, matrix);
    failures(&mut text, matrix);
    text
}

fn shares(text: &mut String, matrix: &Matrix<'_>) {
    let groups = &matrix.specification.groups;
    let width = groups.iter().map(|group| group.id.as_str().len()).max();
    let width = width.unwrap_or(0);
    let _ = writeln!(text, "\n{}", styled(BOLD, "share of directives passed"));
    let _ = write!(text, "{:width$} {:>7}", "", "total");
    for target in &matrix.targets {
        let _ = write!(text, "  {:>7}", target.as_str());
    }
    text.push('\n');
    for group in groups {
        let cells: Vec<Option<&Cell<'_>>> = matrix
            .targets
            .iter()
            .map(|target| matrix.cell(target, &group.id))
            .collect();
        let mut counted = cells
            .iter()
            .flatten()
            .filter_map(|cell| cell.counted.as_ref().ok());
        let attempted = counted.next().map_or(0, Tally::attempted);
        let _ = write!(text, "{:width$} {attempted:>7}", group.id.as_str());
        for (cell, target) in cells.into_iter().zip(&matrix.targets) {
            let width = target.as_str().len().max(7);
            let (style, shown) = share(cell);
            let _ = write!(text, "  {}", styled(style, &format!("{shown:>width$}")));
        }
        text.push('\n');
    }
}

fn share(cell: Option<&Cell<'_>>) -> (anstyle::Style, String) {
    let Some(cell) = cell else {
        return (DIM, "-".to_owned());
    };
    match (cell.share(), cell.counted.is_ok()) {
        (_, false) => (BAD, "failed".to_owned()),
        (None, true) => (DIM, "-".to_owned()),
        (Some(_), true) if cell.is_unclaimed() => (DIM, "no".to_owned()),
        (Some(_), true) if cell.passes_all() => (GOOD, "all".to_owned()),
        // Rounded down, so that only a full pass shows 100 %.
        (Some(share), true) => {
            let percent = (share * 1000.0).floor() / 10.0;
            (anstyle::Style::new(), format!("{percent:.1} %"))
        }
    }
}

fn totals(text: &mut String, matrix: &Matrix<'_>) {
    let _ = writeln!(
        text,
        "\n{}",
        styled(BOLD, "directives by what became of them")
    );
    let width = matrix
        .targets
        .iter()
        .map(|target| target.as_str().len())
        .max();
    let width = width.unwrap_or(0);
    let _ = writeln!(
        text,
        "{:width$} {:>8}{:>8}{:>8}{:>8}{:>12}{:>8}{:>8}",
        "", "passed", "failed", "crashed", "timeout", "unsupported", "skipped", "total"
    );
    for target in &matrix.targets {
        let tally = matrix.total(target);
        let _ = writeln!(
            text,
            "{:width$} {:>8}{:>8}{:>8}{:>8}{:>12}{:>8}{:>8}",
            target.as_str(),
            tally.passed,
            tally.failed,
            tally.crashed,
            tally.timeout,
            tally.unsupported,
            tally.skipped,
            tally.total()
        );
    }
    text.push_str(
        "\nno: the target does not claim the proposal. skipped: about the text format or custom\n\
         sections, which no engine is given. unsupported: needs what the target does not claim.\n",
    );
}

fn failures(text: &mut String, matrix: &Matrix<'_>) {
    for target in &matrix.targets {
        let cells = matrix.cells.iter().filter(|cell| cell.target == *target);
        let mut lines = Vec::new();
        for cell in cells {
            for script in cell.scripts {
                let group = &cell.group.id;
                lines.extend(script.findings.iter().map(|finding| {
                    let message = crate::ui::format::clipped(&finding.message, 160);
                    format!("{group}/{}:{}: {message}", script.script, finding.line)
                }));
            }
        }
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "\n{}",
            styled(BOLD, &format!("{target} does not pass"))
        );
        for line in lines.iter().take(SHOWN) {
            let _ = writeln!(text, "  {line}");
        }
        if lines.len() > SHOWN {
            let _ = writeln!(
                text,
                "  and {} more, all in the report",
                lines.len() - SHOWN
            );
        }
    }
}
