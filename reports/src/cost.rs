//! What measured rates and memory cost on a machine with a known price.
//!
//! Pure arithmetic: the report shows the formula, the price and its source, and a reader can change the price.

use std::fs;
use std::path::{Path, PathBuf};

use maud::{Markup, html};
use plimsoll_analysis::{Row, Status};
use plimsoll_record::{Boundary, Metric};
use serde::Deserialize;
use thiserror::Error;

use crate::facts::Facts;
use crate::page::parts::{Place, Section};
use crate::quantity;

/// Schema id of a table of prices.
pub const SCHEMA: &str = "plimsoll.prices/1";

/// Hours of a month: a year of 365 days in twelve parts.
const MONTH: f64 = 730.0;

const EXAMPLE: &str = include_str!("../prices.toml");

/// Why a table of prices is invalid.
#[derive(Debug, Error)]
pub enum PricesError {
    /// The file cannot be read.
    #[error("cannot read the prices in {path}: {source}")]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Invalid TOML, or not in the format of a table of prices.
    #[error("{path} is no table of prices: {source}; reports/prices.toml is an example")]
    Shape {
        /// Path of the file.
        path: PathBuf,
        /// Location and reason.
        source: Box<toml::de::Error>,
    },
    /// A number or schema that no price has.
    #[error("{path}: {why}; reports/prices.toml is an example")]
    Invalid {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    machine: Prices,
}

/// A machine and what it costs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The machine's name.
    pub name: String,
    /// Logical CPUs.
    pub vcpus: f64,
    /// Memory in gigabytes of 10⁹ bytes.
    pub memory_gb: f64,
    /// The price of an hour in `currency`.
    pub per_hour: f64,
    /// The currency, for example `USD`.
    pub currency: String,
    /// Where the price is from.
    pub source: String,
    /// The day of the price.
    pub date: String,
}

impl Prices {
    /// The example that comes with the report.
    pub fn example() -> Self {
        match parse(EXAMPLE, Path::new("prices.toml")) {
            Ok(prices) => prices,
            Err(error) => unreachable!("the table that is built in: {error}"),
        }
    }

    /// Reads a table of prices.
    ///
    /// # Errors
    /// [`PricesError`], with the path.
    pub fn read(path: &Path) -> Result<Self, PricesError> {
        let text = fs::read_to_string(path).map_err(|source| PricesError::Io {
            path: path.to_owned(),
            source,
        })?;
        parse(&text, path)
    }

    /// The price of a million requests at `rate` requests per second, measured with `cpus` logical CPUs. The rate is
    /// taken to grow with the number of CPUs.
    pub fn million_requests(&self, rate: f64, cpus: f64) -> f64 {
        self.per_hour / (rate * self.vcpus / cpus * 3600.0) * 1e6
    }

    /// The price of `bytes` of memory for a month.
    pub fn month(&self, bytes: f64) -> f64 {
        self.per_hour * MONTH * bytes / (self.memory_gb * 1e9)
    }
}

fn parse(text: &str, path: &Path) -> Result<Prices, PricesError> {
    let file: File = toml::from_str(text).map_err(|source| PricesError::Shape {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let invalid = |why: String| PricesError::Invalid {
        path: path.to_owned(),
        why,
    };
    if file.schema != SCHEMA {
        return Err(invalid(format!(
            "schema {:?}, this version reads {SCHEMA:?}",
            file.schema
        )));
    }
    let machine = file.machine;
    for (name, value) in [
        ("vcpus", machine.vcpus),
        ("memory_gb", machine.memory_gb),
        ("per_hour", machine.per_hour),
    ] {
        if !(value.is_finite() && value > 0.0) {
            return Err(invalid(format!("{name} = {value} is not above zero")));
        }
    }
    Ok(machine)
}

/// The cost of a million requests, from the highest rates of suite `serve`.
pub(crate) fn requests(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let cpus = f64::from(facts.recorded.run.environment.cpus);
    let rows = measured(facts, |row| {
        row.metric == Metric::AchievedRate
            && matches!(row.boundary, Boundary::Request | Boundary::FreshRequest)
    });
    let table = Table {
        heading: "highest rate",
        unit: "a million requests",
        shown: &|rate| format!("{} per second", quantity::grouped(rate as u64)),
        price: &|rate| place.prices.million_requests(rate, cpus),
        formula: "rate",
        cpus,
    };
    let note = html! {
        p {
            "Price of an hour, divided by the requests that the machine answers in an hour at the highest rate of this run. The rate is taken to "
            "grow with the number of CPUs: " (cpus) " here. The load generator ran on the same CPUs, so a server alone carries more. "
            "A machine that is not busy costs the same."
        }
        p.formula { "cost = price × 1,000,000 ÷ (rate × CPUs of the machine ÷ " (cpus) " × 3600 s)" }
    };
    section(
        ("cost", "What a million requests cost"),
        &rows,
        &table,
        note,
        place,
    )
}

/// The cost of an idle instance, process or container for a month, from the memory of suite `density`.
pub(crate) fn idle(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let rows = measured(facts, |row| {
        row.metric == Metric::Pss && matches!(row.boundary, Boundary::Instance | Boundary::Process)
    });
    let table = Table {
        heading: "memory of one more",
        unit: "an idle month",
        shown: &|bytes| quantity::bytes(bytes as u64),
        price: &|bytes| place.prices.month(bytes),
        formula: "bytes",
        cpus: 0.0,
    };
    let note = html! {
        p {
            "Memory of one more idle instance, process or container, as a share of the machine's memory, for a month of 730 hours. Page tables and "
            "kernel memory are not in it."
        }
        p.formula { "cost = price × 730 × memory of one more ÷ memory of the machine" }
    };
    section(
        ("cost", "What an idle month costs"),
        &rows,
        &table,
        note,
        place,
    )
}

/// Rows with a positive number.
fn measured<'f>(facts: &'f Facts<'_>, wanted: impl Fn(&Row) -> bool) -> Vec<(&'f Row, f64)> {
    let rows = facts.rows.iter();
    rows.filter(|row| row.at.is_none() && row.status == Status::Ok && wanted(row))
        .filter_map(|row| Some((row, row.median.filter(|median| *median > 0.0)?)))
        .collect()
}

struct Table<'t> {
    heading: &'static str,
    unit: &'static str,
    shown: &'t dyn Fn(f64) -> String,
    price: &'t dyn Fn(f64) -> f64,
    /// Which of the script's formulas computes the price.
    formula: &'static str,
    cpus: f64,
}

fn section(
    (id, title): (&'static str, &'static str),
    rows: &[(&Row, f64)],
    table: &Table<'_>,
    note: Markup,
    place: &Place<'_>,
) -> Option<Section> {
    if rows.is_empty() {
        return None;
    }
    let prices = place.prices;
    let field = |name: &str, label: &str, value: f64| {
        html! { label { (label) " " input type="number" name=(name) min="0" step="any" value=(value); } " " }
    };
    let body = html! {
        (note)
        p {
            "Prices of " (prices.name) ", " (prices.date) ": " (prices.source) ". "
            code { "--prices FILE" } " takes your own."
        }
        // The script shows the fields.
        form.cost hidden="hidden" aria-label=(place.label("Prices")) {
            (field("per_hour", &format!("{} per hour", prices.currency), prices.per_hour))
            @if table.formula == "rate" { (field("vcpus", "CPUs", prices.vcpus)) }
            @else { (field("memory_gb", "memory in GB", prices.memory_gb)) }
        }
        @match place.budget.part(2).draw(|| body_of(rows, table, title, place)) {
            Some(table) => (table),
            None => p.without { "The table has no room in this file; " code { "bench report --csv" } " has the rates and sizes." },
        }
    };
    Some(Section { id, title, body })
}

fn body_of(rows: &[(&Row, f64)], table: &Table<'_>, title: &str, place: &Place<'_>) -> Markup {
    let prices = place.prices;
    html! {
        div.scroll tabindex="0" role="region" aria-label=(place.label(title)) {
            table.rows.sortable data-formula=(table.formula) data-cpus=(table.cpus) {
                thead { tr {
                    th scope="col" { "target" }
                    th scope="col" { "workload" }
                    th scope="col" { "boundary" }
                    th scope="col" { (table.heading) }
                    th scope="col" { (prices.currency) " for " (table.unit) }
                } }
                tbody {
                    @for (row, value) in rows {
                        tr data-target=(row.target) data-workload=(row.workload) {
                            th scope="row" { (row.target) }
                            td { (row.workload) }
                            td { (row.boundary) }
                            td data-v=(value) { ((table.shown)(*value)) }
                            td data-cost=(value) data-v=((table.price)(*value)) { (amount((table.price)(*value))) }
                        }
                    }
                }
            }
        }
    }
}

/// An amount of money with three significant digits.
fn amount(value: f64) -> String {
    let digits = 2 - value.abs().log10().floor() as i32;
    format!("{value:.*}", digits.clamp(2, 12) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices() -> Prices {
        Prices {
            name: "m".to_owned(),
            vcpus: 4.0,
            memory_gb: 8.0,
            per_hour: 0.36,
            currency: "USD".to_owned(),
            source: "s".to_owned(),
            date: "d".to_owned(),
        }
    }

    #[test]
    fn a_million_requests_cost_the_time_that_they_take() {
        // 1000 per second on 2 CPUs are 2000 on 4: 500 s, a 7.2th of an hour.
        let cost = prices().million_requests(1000.0, 2.0);
        assert!((cost - 0.36 / 7.2).abs() < 1e-12, "{cost}");
    }

    #[test]
    fn a_month_of_a_share_of_memory_costs_that_share() {
        let cost = prices().month(1e6);
        assert!((cost - 0.36 * 730.0 / 8000.0).abs() < 1e-12, "{cost}");
    }

    #[test]
    fn amounts_have_three_digits_and_at_least_cents() {
        for (value, shown) in [
            (123.456, "123.46"),
            (0.05, "0.0500"),
            (0.000_012_34, "0.0000123"),
        ] {
            assert_eq!(amount(value), shown);
        }
    }

    #[test]
    fn prices_of_zero_and_other_schemas_are_refused() {
        let name = Path::new("prices.toml");
        assert!(parse(&EXAMPLE.replace("vcpus = 2", "vcpus = 0"), name).is_err());
        assert!(parse(&EXAMPLE.replace("prices/1", "prices/9"), name).is_err());
        assert!(parse(&EXAMPLE.replace("per_hour", "per_day"), name).is_err());
        assert!(parse(EXAMPLE, name).is_ok());
    }
}
