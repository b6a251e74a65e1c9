//! Exports the newest rows for dashboards of other tools.
//!
//! - Bencher Metric Format (<https://bencher.dev/docs/reference/bencher-metric-format>): an object of
//!   benchmarks, each an object of measures, each a value with bounds.
//! - github-action-benchmark (<https://github.com/benchmark-action/github-action-benchmark>): an array of
//!   names, units and values, with range and extra text; separate files for smaller-is-better and
//!   bigger-is-better.

use plimsoll_analysis::Row;
use plimsoll_record::Unit;
use serde_json::{Map, Value, json};

use super::series::{benchmark, name};

/// Maximum length of a measure's name in Bencher.
const MEASURE: usize = 64;

/// Rows in Bencher Metric Format.
pub fn bmf(rows: &[&Row]) -> Value {
    let mut benchmarks = Map::new();
    for row in rows {
        let Some(median) = row.median.filter(|median| median.is_finite()) else {
            continue;
        };
        let mut metric = Map::new();
        metric.insert("value".to_owned(), json!(median));
        if let Some([low, high]) = row.ci95 {
            metric.insert("lower_value".to_owned(), json!(low));
            metric.insert("upper_value".to_owned(), json!(high));
        }
        let measures = benchmarks
            .entry(benchmark(row))
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(measures) = measures {
            measures.insert(measure(row), Value::Object(metric));
        }
    }
    Value::Object(benchmarks)
}

/// Rows for github-action-benchmark with one direction, because a file has only one.
pub fn github_action_benchmark(rows: &[&Row], better: Better) -> Value {
    let entry = |row: &&&Row| -> Option<Value> {
        let median = row.median.filter(|median| median.is_finite())?;
        let mut entry = json!({
            "name": name(row),
            "unit": row.unit.to_string(),
            "value": median,
        });
        if let Some([low, high]) = row.ci95 {
            entry["range"] = json!(format!("± {}", (high - low) / 2.0));
            entry["extra"] = json!(format!(
                "95 % interval {low} to {high}\ntrials {}\nrun {}",
                row.trials, row.run
            ));
        }
        Some(entry)
    };
    let of_tool = |row: &&&Row| (row.unit == Unit::PerSecond) == (better == Better::Bigger);
    Value::Array(
        rows.iter()
            .filter(of_tool)
            .filter_map(|row| entry(&row))
            .collect(),
    )
}

/// The direction of improvement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Smaller is better: times, sizes.
    Smaller,
    /// Bigger is better: rates.
    Bigger,
}

/// The metric as a slug with its unit, because Bencher allows one unit per measure.
fn measure(row: &Row) -> String {
    let name = row.metric.name().replace(['_', '.'], "-");
    let unit = match row.unit {
        Unit::Nanoseconds => "-ns",
        Unit::PerSecond => "-per-second",
        Unit::Microjoules => "-uj",
        Unit::Bytes | Unit::Count => "",
    };
    let mut slug = format!("{name}{unit}");
    slug.truncate(MEASURE);
    slug
}
