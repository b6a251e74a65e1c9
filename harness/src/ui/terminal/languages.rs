//! The suite `languages` on a terminal: one table per target with one line per language, within 80 columns.

use std::fmt::Write;

use plimsoll_analysis::columns::{rule, tables};
use plimsoll_analysis::{Analysed, Row};

use super::counted::{cell, is_of, wrapped};
use super::{BOLD, styled};

/// One table per target.
pub fn languages(analysed: &Analysed<'_>) -> String {
    let mut text = String::new();
    let run = &analysed.recorded.run;
    let width = run
        .workloads
        .iter()
        .map(|workload| workload.workload.as_str().len())
        .max()
        .unwrap_or(0);
    for table in tables(run.suite) {
        for target in &run.targets {
            let rows: Vec<&Row> = analysed
                .rows
                .iter()
                .filter(|row| row.target == target.target && row.at.is_none())
                .collect();
            if rows.is_empty() {
                continue;
            }
            let heading = styled(BOLD, target.target.as_str());
            let _ = write!(text, "\n{heading}: {}\n{:width$}", table.title, "");
            for column in table.columns {
                let _ = write!(text, "{:>8}", column.heading);
            }
            text.push('\n');
            for workload in &run.workloads {
                let of = |row: &&&Row| row.workload == workload.workload;
                if !rows.iter().any(|row| of(&row)) {
                    continue;
                }
                let _ = write!(text, "{:width$}", workload.workload);
                for column in table.columns {
                    let mut rows = rows.iter().filter(of);
                    text.push_str(&cell(rows.find(|row| is_of(row, column)).copied()));
                }
                text.push('\n');
            }
        }
    }
    if let (false, Some(rule)) = (text.is_empty(), rule(run.suite)) {
        let _ = writeln!(
            text,
            "\n{}",
            wrapped(&format!(
                "{rule} Dimmed: the 95 % interval reaches further than 10 %, or there is none."
            ))
        );
    }
    text
}
