//! Which rows of a suite stand side by side in a table: said once for the terminal, Markdown and
//! HTML. The cold-start ladder, whose columns are its boundaries, needs no such list.

use plimsoll_record::{Boundary, Metric, Suite};

/// One table: a line a target, for every workload that has a row in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// What its columns are of.
    pub title: &'static str,
    /// Its columns, the one that is read first in front.
    pub columns: &'static [Column],
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// At most eight characters.
    pub heading: &'static str,
    /// Where it was measured.
    pub boundary: Boundary,
    /// What was measured.
    pub metric: Metric,
}

const fn column(heading: &'static str, boundary: Boundary, metric: Metric) -> Column {
    Column {
        heading,
        boundary,
        metric,
    }
}

const fn one_more(at: Boundary) -> [Column; 6] {
    [
        column("memory", at, Metric::Pss),
        column("tables", at, Metric::PageTables),
        column("time", at, Metric::WallTime),
        column("files", at, Metric::FileDescriptors),
        column("idle/s", at, Metric::IdleCpu),
        column("base", Boundary::Base, Metric::Pss),
    ]
}

const INSTANCE: &[Column] = &one_more(Boundary::Instance);
const PROCESS: &[Column] = &one_more(Boundary::Process);

/// The tables of a suite.
pub fn tables(suite: Suite) -> &'static [Table] {
    match suite {
        Suite::Coldstart | Suite::Throughput => &[],
        Suite::Density => &[
            Table {
                title: "one more instance in a host that runs",
                columns: INSTANCE,
            },
            Table {
                title: "one more process or container that waits",
                columns: PROCESS,
            },
        ],
    }
}

/// How a suite's figures are counted, for people to read: printed with its tables.
pub fn rule(suite: Suite) -> Option<&'static str> {
    match suite {
        Suite::Coldstart | Suite::Throughput => None,
        Suite::Density => Some(
            "Each figure is the slope of a line through what so many alive took, fitted in each trial by least \
             squares; the median over trials. memory: PSS, private pages and a fair share of what is shared, \
             summed over every process that exists because of the instances. tables: page tables, not in memory. \
             time: made, and run to its end or to its waiting. files: open descriptors. idle/s: processor time \
             used in one second while all wait. base: memory of the line at none, there however many are alive.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_fits_into_its_column() {
        for &suite in Suite::ALL {
            for table in tables(suite) {
                assert!(table.columns.iter().all(|column| column.heading.len() <= 8));
                assert!(table.columns.len() <= 6, "{}", table.title);
            }
            assert_eq!(tables(suite).is_empty(), rule(suite).is_none());
        }
    }
}
