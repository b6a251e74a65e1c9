//! Exports latencies under load: percentile distributions in HdrHistogram's text format (`.hgrm`, as used by
//! HdrHistogram's plotter and wrk2), and a series per second as CSV.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use hdrhistogram::Histogram;
use plimsoll_analysis::load::{merged, seconds};
use plimsoll_record::{Boundary, Clock, Recorded, TargetId, WorkloadId};

/// Lines per halving of the distance to 100 %, as in HdrHistogram's own tools.
const TICKS: u32 = 5;

/// Nanoseconds per unit of a `.hgrm`: milliseconds.
const SCALE: f64 = 1e6;

/// The key of a load's histograms.
type Load<'a> = (&'a WorkloadId, &'a TargetId, Boundary, Clock, u64);

/// Writes two files per workload, target, boundary, clock and rate of `run` into `folder`: the distribution
/// over all trials, and the series per second if one was recorded. Returns the number of files.
///
/// # Errors
/// The system's error for the folder or a file.
pub fn write(run: &Recorded, folder: &Path) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    let mut written = 0;
    for (workload, target, boundary, clock, at) in loads(run) {
        let name = format!(
            "{}-{workload}-{target}-{boundary}-{}-{at}",
            run.run.id,
            match clock {
                Clock::Due => "latency",
                Clock::Sent => "service",
            }
        );
        // Target names contain slashes, and no name may lead out of the folder.
        let name: String = name
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || "-+._".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        if let Some(histogram) = merged(run, workload, target, boundary, clock, at) {
            fs::write(
                folder.join(format!("{name}.hgrm")),
                distribution(&histogram),
            )?;
            written += 1;
        }
        let series = seconds(run, workload, target, boundary, clock, at);
        if !series.is_empty() {
            fs::write(folder.join(format!("{name}.seconds.csv")), table(&series))?;
            written += 1;
        }
    }
    Ok(written)
}

/// The keys of all histograms of `run`, in order.
fn loads(run: &Recorded) -> Vec<Load<'_>> {
    let mut found: Vec<Load<'_>> = Vec::new();
    for plan in &run.run.plan {
        let Some(trial) = run.trials.get(&plan.index) else {
            continue;
        };
        found.extend(trial.histograms.iter().map(|line| {
            (
                &plan.workload,
                &plan.target,
                line.boundary,
                line.clock,
                line.at,
            )
        }));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// A percentile distribution in milliseconds.
fn distribution(histogram: &Histogram<u64>) -> String {
    let mut text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n".to_owned();
    let mut count = 0;
    for step in histogram.iter_quantiles(TICKS) {
        count += step.count_since_last_iteration();
        let quantile = step.quantile_iterated_to();
        let value = step.value_iterated_to() as f64 / SCALE;
        let _ = write!(text, "{value:>12.3} {quantile:>2.12} {count:>10}");
        // This column is undefined at the maximum.
        let _ = match quantile < 1.0 {
            true => writeln!(text, " {:>14.2}", 1.0 / (1.0 - quantile)),
            false => writeln!(text),
        };
    }
    let _ = writeln!(
        text,
        "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]\n\
         #[Max     = {:>12.3}, Total count    = {:>12}]\n\
         #[Buckets = {:>12}, SubBuckets     = {:>12}]",
        histogram.mean() / SCALE,
        histogram.stdev() / SCALE,
        histogram.max() as f64 / SCALE,
        histogram.len(),
        histogram.buckets(),
        2 * 10u64.pow(u32::from(histogram.sigfig())).next_power_of_two(),
    );
    text
}

/// One line per second of the window, over all trials; nanoseconds.
fn table(series: &[(u32, Histogram<u64>)]) -> String {
    let mut text = "second,requests,p50_ns,p90_ns,p99_ns,max_ns\n".to_owned();
    for (second, histogram) in series {
        let at = |quantile| histogram.value_at_quantile(quantile);
        let _ = writeln!(
            text,
            "{second},{},{},{},{},{}",
            histogram.len(),
            at(0.5),
            at(0.9),
            at(0.99),
            histogram.max()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl Iterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("valid");
        values.for_each(|value| histogram.saturating_record(value));
        histogram
    }

    #[test]
    fn a_distribution_rises_to_every_request() {
        let text = distribution(&histogram((1..=1000).map(|n| n * 1_000_000)));
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with('#'))
            .map(|line| {
                line.split_whitespace()
                    .map(|word| word.parse().expect("a number"))
                    .collect()
            })
            .collect();
        assert!(rows.is_sorted_by(|a, b| a[0] <= b[0] && a[1] <= b[1] && a[2] <= b[2]));
        let last = rows.last().expect("rows");
        assert_eq!((last[1], last[2]), (1.0, 1000.0));
        assert!((999.0..=1001.0).contains(&last[0]), "{last:?}");
        let half = rows.iter().find(|row| row[1] >= 0.5).expect("a median");
        assert!((499.0..=502.0).contains(&half[0]), "{half:?}");
        assert!(text.contains("Total count    =         1000]"), "{text}");
    }

    #[test]
    fn a_series_has_a_line_per_second() {
        let quick = histogram((0..10).map(|_| 1_000));
        let slow = histogram((0..5).map(|_| 9_000_000));
        let text = table(&[(0, quick), (1, slow)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[1].starts_with("0,10,1000,") && lines[2].starts_with("1,5,9"),
            "{text}"
        );
    }
}
