//! A run with servers on a terminal: one line per target and way of serving, one column per rate, within 80
//! columns.

use std::fmt::Write;

use plimsoll_analysis::load::is_sustained;
use plimsoll_analysis::{Analysed, Row, Status};
use plimsoll_record::{Boundary, Life, Metric, TargetId, WorkloadId};

use super::counted::wrapped;
use super::{BAD, BOLD, DIM, styled};
use crate::ui::format;

/// Width of a line.
const LINE: usize = 80;
/// Width of a target's name, and of a rate's column.
const NAME: usize = 31;
const COLUMN: usize = 8;
/// Number of rate columns that fit between the name and the last two columns.
const RATES: usize = (LINE - NAME - 2 * COLUMN - 2) / COLUMN;

/// The tables of every workload: latency at a percentile by rate, the highest sustained rate, and the time to
/// the first response.
pub fn tables(run: &Analysed<'_>) -> String {
    let recorded = run.recorded;
    let mut text = String::new();
    for workload in &recorded.run.workloads {
        let id = &workload.workload;
        if !run.rows.iter().any(|row| row.workload == *id) {
            continue;
        }
        let heading = styled(BOLD, id.as_str());
        let _ = writeln!(text, "\n{heading}: {}", workload.title);
        for (metric, what) in [
            (Metric::P50, "median latency"),
            (Metric::P99, "p99 latency"),
        ] {
            table(&mut text, run, id, (metric, what));
        }
    }
    if !text.is_empty() {
        text.push('\n');
        for life in lives(run) {
            let meaning = format!("{}: {}", life.name(), life.isolation());
            let _ = writeln!(text, "{}", wrapped(&meaning));
        }
        for boundary in Boundary::SERVE {
            if run.rows.iter().any(|row| row.boundary == *boundary) {
                let meaning = format!("{}: {}", boundary.name(), boundary.meaning());
                let _ = writeln!(text, "{}", wrapped(&meaning));
            }
        }
        let how = "Rates are offered without waiting for responses; latency counts from when a request was due. A \
                   latency with `!` is at a rate that was not sustained. Medians over trials.";
        let _ = writeln!(text, "{}", wrapped(how));
    }
    text
}

/// What the lines name: the isolation between requests.
fn lives(run: &Analysed<'_>) -> Vec<Life> {
    let is_shown = |life: &Life| {
        run.rows.iter().any(|row| {
            let record = run.recorded.run.targets.iter();
            let mut record = record.filter(|record| record.target == row.target);
            record.any(|record| record.life(row.boundary) == Some(*life))
        })
    };
    Life::ALL.into_iter().filter(is_shown).collect()
}

fn table(
    text: &mut String,
    run: &Analysed<'_>,
    workload: &WorkloadId,
    (metric, what): (Metric, &str),
) {
    let recorded = run.recorded;
    let rates = shown(
        recorded
            .run
            .load
            .as_ref()
            .map_or(&[][..], |load| &load.rates),
    );
    let _ = write!(text, "\n{:NAME$}", format!("{what} at"));
    for rate in &rates {
        let _ = write!(text, "{:>COLUMN$}", format!("{}/s", compact(*rate)));
    }
    let _ = writeln!(text, "{:>COLUMN$}  {:>COLUMN$}", "most/s", "first-response");
    let find = |target: &TargetId, boundary, metric, at| {
        run.rows.iter().find(|row| {
            row.workload == *workload
                && row.target == *target
                && (row.boundary, row.metric, row.at) == (boundary, metric, at)
        })
    };
    for record in &recorded.run.targets {
        let target = &record.target;
        let mut zero = find(target, Boundary::FirstResponse, Metric::WallTime, None);
        let kept = find(target, Boundary::Request, Metric::AchievedRate, None);
        let fresh = find(target, Boundary::FreshRequest, Metric::AchievedRate, None);
        let ways = [(Boundary::Request, kept), (Boundary::FreshRequest, fresh)];
        let serves = kept.is_some() || fresh.is_some();
        for (boundary, most) in ways {
            // A target with only a first response still gets a line.
            if most.is_none() && (zero.is_none() || serves || boundary == Boundary::FreshRequest) {
                continue;
            }
            let life = most.and_then(|_| record.life(boundary));
            let name = match life {
                Some(life) => format!("{target} {}", life.name()),
                None => target.to_string(),
            };
            match name.chars().count() < NAME {
                true => drop(write!(text, "{name:NAME$}")),
                false => drop(write!(text, "{name}\n{:NAME$}", "")),
            }
            for &rate in &rates {
                let at = |metric| find(target, boundary, metric, Some(rate));
                let achieved = at(Metric::AchievedRate);
                let is_sustained = achieved.is_none_or(|row| {
                    row.median
                        .is_some_and(|achieved| is_sustained(achieved, rate))
                });
                text.push_str(&cell(at(metric), most, if is_sustained { "" } else { "!" }));
            }
            let _ = write!(text, "{:>COLUMN$}", highest(most));
            let _ = writeln!(text, "  {}", cell(zero.take(), None, ""));
        }
    }
}

/// The rates that fit: the first, the last, and evenly spaced ones between.
fn shown(rates: &[u64]) -> Vec<u64> {
    if rates.len() <= RATES {
        return rates.to_vec();
    }
    (0..RATES)
        .map(|n| rates[n * (rates.len() - 1) / (RATES - 1)])
        .collect()
}

fn cell(row: Option<&Row>, most: Option<&Row>, mark: &str) -> String {
    match row.map(|row| (row.status, row.median)) {
        Some((Status::Ok, Some(median))) => {
            let text = format!("{}{mark}", format::nanoseconds(median));
            format!("{text:>COLUMN$}")
        }
        Some((Status::WrongOutput, _)) => styled(BAD, &format!("{:>COLUMN$}", "wrong")),
        Some((Status::Failed, _)) => styled(BAD, &format!("{:>COLUMN$}", "failed")),
        Some(_) => styled(DIM, &format!("{:>COLUMN$}", "-")),
        None => match most.map(|most| most.status) {
            Some(Status::Failed) => styled(BAD, &format!("{:>COLUMN$}", "failed")),
            Some(Status::WrongOutput) => styled(BAD, &format!("{:>COLUMN$}", "wrong")),
            // Above the sustained rate, or with too few requests for this percentile.
            _ => styled(DIM, &format!("{:>COLUMN$}", "-")),
        },
    }
}

fn highest(row: Option<&Row>) -> String {
    match row.and_then(|row| row.median) {
        Some(most) => compact(most.round() as u64),
        None => "-".to_owned(),
    }
}

/// `950`, `4k`, `12.5k`.
fn compact(rate: u64) -> String {
    match rate {
        0..1000 => rate.to_string(),
        _ if rate.is_multiple_of(1000) => format!("{}k", rate / 1000),
        _ => format!("{:.1}k", rate as f64 / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_do_not_all_fit_are_thinned_from_the_lowest_to_the_highest() {
        let rates: Vec<u64> = (1..=9).map(|n| n * 1000).collect();
        let shown = shown(&rates);
        assert_eq!(shown.len(), RATES);
        assert_eq!((shown[0], shown[RATES - 1]), (1000, 9000));
    }

    #[test]
    fn a_line_fits_into_eighty_columns() {
        const { assert!(NAME + RATES * COLUMN + COLUMN + 2 + COLUMN <= LINE) };
        assert_eq!(compact(64_000), "64k");
        assert_eq!(compact(12_540), "12.5k");
    }
}
