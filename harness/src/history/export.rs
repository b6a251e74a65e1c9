//! The newest rows as other tools' dashboards read them.
//!
//! - Bencher Metric Format (<https://bencher.dev/docs/reference/bencher-metric-format>): an object of
//!   benchmarks, each an object of measures, each a value with a lower and an upper one.
//! - github-action-benchmark (<https://github.com/benchmark-action/github-action-benchmark>): an array
//!   of names, units and values, with a range and anything extra as text; one file for what is better
//!   the smaller it is, one for what is better the bigger.

use plimsoll_analysis::Row;
use plimsoll_record::Unit;
use serde_json::{Map, Value, json};

use super::series::{benchmark, name};

/// The longest name of a measure that Bencher takes.
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

/// Rows as github-action-benchmark reads them: those of one tool, since a file is of one tool.
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

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// The less the better: times, sizes.
    Smaller,
    /// The more the better: rates.
    Bigger,
}

/// The metric as a slug with its unit: Bencher keeps one unit a measure.
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
