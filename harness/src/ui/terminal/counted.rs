//! Suites with other columns than the ladder: a table of targets by columns per workload, within 80 columns,
//! and the rule for its values.

use std::fmt::Write;

use plimsoll_analysis::columns::{Column, TICKS, TICKS_RULE, Table, rule, tables as tables_of};
use plimsoll_analysis::{Analysed, Row, Status};
use plimsoll_record::{Recorded, TargetId};

use super::{BAD, BOLD, DIM, NAME_WIDTH, is_wide, styled};
use crate::ui::format;

/// Shown for a cost that noise made negative.
const NONE: &str = "~0";

/// Every table of the run's suite.
pub fn tables(run: &Analysed<'_>) -> String {
    let suite = run.recorded.run.suite;
    under(run, tables_of(suite), rule(suite))
}

/// The steps that programs time themselves; empty without any.
pub fn ticks(run: &Analysed<'_>) -> String {
    under(run, &[TICKS], Some(TICKS_RULE))
}

/// Tables with the rule for their values.
fn under(run: &Analysed<'_>, tables: &[Table], rule: Option<&str>) -> String {
    let recorded = run.recorded;
    let mut text = String::new();
    let mut shown = Vec::new();
    for table in tables {
        for workload in &recorded.run.workloads {
            let rows: Vec<&Row> = run
                .rows
                .iter()
                .filter(|row| row.workload == workload.workload && row.at.is_none())
                .collect();
            // The first column is the table's subject; others may be shared between tables.
            if !rows.iter().any(|row| is_of(row, &table.columns[0])) {
                continue;
            }
            let heading = styled(BOLD, workload.workload.as_str());
            let _ = writeln!(text, "\n{heading}: {}", table.title);
            lines(&mut text, recorded, table, &rows);
            shown.extend(rows);
        }
    }
    if let (false, Some(rule)) = (text.is_empty(), rule) {
        let wide = shown
            .iter()
            .filter(|row| row.status == Status::Ok && is_wide(row));
        let dimmed = match wide.count() {
            0 => "",
            _ => " Dimmed: the 95 % interval reaches further than 10 %, or there is none.",
        };
        let below = match shown.iter().any(|row| row.at_most().is_some()) {
            false => String::new(),
            true => format!(" {NONE}: less than chance; the report says how much at most."),
        };
        let _ = writeln!(text, "\n{}", wrapped(&format!("{rule}{below}{dimmed}")));
    }
    text
}

pub(super) fn is_of(row: &Row, column: &Column) -> bool {
    row.boundary == column.boundary && row.metric == column.metric
}

fn lines(text: &mut String, recorded: &Recorded, table: &Table, rows: &[&Row]) {
    let row_of = |target: &TargetId, column: &Column| {
        let mut rows = rows.iter().copied();
        rows.find(|row| row.target == *target && is_of(row, column))
    };
    let targets: Vec<&TargetId> = recorded
        .run
        .targets
        .iter()
        .map(|record| &record.target)
        .filter(|target| row_of(target, &table.columns[0]).is_some())
        .collect();
    let width = targets
        .iter()
        .map(|target| target.as_str().chars().count())
        .filter(|&width| width <= NAME_WIDTH)
        .max()
        .unwrap_or(0);
    let _ = write!(text, "{:width$}", "");
    for column in table.columns {
        let _ = write!(text, "{:>8}", column.heading);
    }
    text.push('\n');
    for target in targets {
        if target.as_str().chars().count() > width {
            let _ = write!(text, "{target}\n{:width$}", "");
        } else {
            let _ = write!(text, "{target:width$}");
        }
        for column in table.columns {
            text.push_str(&cell(row_of(target, column)));
        }
        text.push('\n');
    }
}

pub(super) fn cell(row: Option<&Row>) -> String {
    let Some(row) = row else {
        return format!("{:>8}", "-");
    };
    match (row.status, row.median) {
        (Status::Ok, Some(_)) if row.at_most().is_some() => styled(DIM, &format!("{NONE:>8}")),
        (Status::Ok, Some(median)) => {
            let shown = format!("{:>8}", format::value(median, row.unit));
            match is_wide(row) {
                true => styled(DIM, &shown),
                false => shown,
            }
        }
        (Status::WrongOutput, _) => styled(BAD, "   wrong"),
        (Status::Failed, _) => styled(BAD, "  failed"),
        (Status::Ok | Status::Unsupported, _) => format!("{:>8}", "-"),
    }
}

/// Text in lines of at most 80 characters.
pub(super) fn wrapped(text: &str) -> String {
    wrapped_to(80, text)
}

/// `text` in lines of at most `columns`, broken between words.
pub(super) fn wrapped_to(columns: usize, text: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let letters = word.chars().count();
        if width > 0 && width + 1 + letters > columns {
            lines.push('\n');
            width = 0;
        } else if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += letters;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_before_the_eightieth_column() {
        let text = wrapped(&"abcdefg ".repeat(25));
        assert!(text.lines().all(|line| line.chars().count() <= 80));
        assert_eq!(text.split_whitespace().count(), 25);
    }
}
