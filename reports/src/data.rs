//! Reports for programs: JSON (`plimsoll.report/1`) and CSV.

use plimsoll_analysis::capability::FactRow;
use plimsoll_analysis::conformance::ConformanceRow;
use plimsoll_analysis::machines::across::Across;
use plimsoll_analysis::rows::SCHEMA;
use plimsoll_analysis::{Analysed, Report, Row, Status};
use plimsoll_record::conformance::Tally;
use plimsoll_record::{Boundary, TargetId};
use serde::Serialize;

use crate::claims::{ClaimUnit, Claims, Finding, Judgement, Standing, Verdict, judge};
use crate::machines::csv::of_machines;
use crate::machines::{ByMachine, Machines};

/// A report with the verdicts on published claims.
#[derive(Serialize)]
struct Document<'c> {
    #[serde(flatten)]
    report: Report,
    claims: Vec<Judged<'c>>,
    /// Only for several machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    across: Option<AcrossMachines<'c>>,
}

/// Rows over machines, and claims by machine.
#[derive(Serialize)]
struct AcrossMachines<'c> {
    #[serde(flatten)]
    across: Across,
    claims: Vec<ByMachine<'c>>,
}

/// A claim and its verdict.
#[derive(Serialize)]
struct Judged<'c> {
    id: &'c str,
    says: &'c str,
    source: &'c str,
    year: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_as: Option<&'c str>,
    unit: Option<ClaimUnit>,
    low: Option<f64>,
    high: Option<f64>,
    verdict: Verdict,
    summary: String,
    figures: Vec<Figure>,
}

/// A figure that a verdict is based on.
#[derive(Serialize)]
struct Figure {
    run: String,
    view: String,
    workloads: Vec<String>,
    target: TargetId,
    boundary: Boundary,
    #[serde(skip_serializing_if = "Option::is_none")]
    over: Option<Over>,
    value: f64,
    ci95: Option<[f64; 2]>,
    standing: Standing,
    /// Multiple of the nearer end of the range, for a figure outside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    beyond: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beyond_ci95: Option<[f64; 2]>,
}

#[derive(Serialize)]
struct Over {
    target: TargetId,
    boundary: Boundary,
}

fn judged<'c>(judgement: &Judgement<'c>) -> Judged<'c> {
    let (claim, source) = (judgement.claim, judgement.source);
    Judged {
        id: &claim.id,
        says: &claim.says,
        source: &source.title,
        year: source.year,
        url: source.url.as_deref(),
        place: claim.place.as_deref(),
        read_as: claim.read_as.as_deref(),
        unit: claim.unit,
        low: claim.low,
        high: claim.high,
        verdict: judgement.verdict,
        summary: judgement.summary().replace('\u{a0}', " "),
        figures: judgement
            .findings
            .iter()
            .map(|f| figure(f, judgement))
            .collect(),
    }
}

fn figure(finding: &Finding, judgement: &Judgement<'_>) -> Figure {
    let beyond = finding.beyond(judgement.claim);
    Figure {
        run: finding.run.clone(),
        view: finding.view.clone(),
        workloads: finding.workloads.iter().map(ToString::to_string).collect(),
        target: finding.target.clone(),
        boundary: finding.boundary,
        over: finding
            .over
            .clone()
            .map(|(target, boundary)| Over { target, boundary }),
        value: finding.value,
        ci95: finding.ci95.map(|ci| [ci.low, ci.high]),
        standing: finding.standing,
        beyond: beyond.map(|(times, _)| times),
        beyond_ci95: beyond.and_then(|(_, ci)| ci).map(|ci| [ci.low, ci.high]),
    }
}

/// The rows of `runs` and the verdicts on `claims` as one JSON document of schema `plimsoll.report/1`, ending with a
/// newline.
pub fn json(runs: &[Analysed<'_>], claims: &Claims) -> String {
    let document = Document {
        report: Report {
            schema: SCHEMA.to_owned(),
            rows: rows(runs).cloned().collect(),
            ratios: runs.iter().flat_map(Analysed::ratio_rows).collect(),
        },
        claims: judge(claims, runs).iter().map(judged).collect(),
        across: Machines::of(runs, claims)
            .map(|Machines { across, claims }| AcrossMachines { across, claims }),
    };
    let rows: Vec<_> = runs.iter().flat_map(Analysed::conformance_rows).collect();
    let answers: Vec<_> = runs.iter().flat_map(Analysed::fact_rows).collect();
    let whole = serde_json::to_value(&document).and_then(|mut whole| {
        if let Some(all) = whole["rows"].as_array_mut() {
            for row in &rows {
                all.push(serde_json::to_value(row)?);
            }
            for row in &answers {
                all.push(serde_json::to_value(row)?);
            }
        }
        serde_json::to_string_pretty(&whole)
    });
    match whole {
        Ok(text) => text + "\n",
        // Rows contain only strings, numbers, lists and maps with string keys, which JSON can represent.
        Err(error) => unreachable!("rows are plain data: {error}"),
    }
}

/// The rows of `runs` as CSV (RFC 4180) with a header line. Times are in the row's unit; missing values are empty. Runs
/// of the suites `conformance` and `sandbox` have their own columns (counts, answers); with several suites the table
/// has the columns of all. With several machines there are also rows over machines, without a run.
pub fn csv(runs: &[Analysed<'_>]) -> String {
    let counted: Vec<ConformanceRow> = runs.iter().flat_map(Analysed::conformance_rows).collect();
    let answers: Vec<FactRow> = runs.iter().flat_map(Analysed::fact_rows).collect();
    let measured: Vec<&Row> = rows(runs).collect();
    let mut tables = Vec::new();
    if !measured.is_empty() || (counted.is_empty() && answers.is_empty()) {
        tables.push(of_rows(&measured));
    }
    if !counted.is_empty() {
        tables.push(of_counts(&counted));
    }
    if !answers.is_empty() {
        tables.push(of_answers(&answers));
    }
    if let Some(machines) = Machines::of(runs, &Claims::default()) {
        tables.push(of_machines(&machines.across));
    }
    let mut columns: Vec<&str> = Vec::new();
    for (own, _) in &tables {
        columns.extend(
            own.iter()
                .filter(|name| !columns.contains(name))
                .collect::<Vec<_>>(),
        );
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = || -> Result<(), csv::Error> {
        writer.write_record(&columns)?;
        for (own, lines) in &tables {
            let place = |name: &&str| own.iter().position(|column| column == name);
            let places: Vec<Option<usize>> = columns.iter().map(place).collect();
            for line in lines {
                let field = |place: &Option<usize>| place.map_or("", |at| line[at].as_str());
                writer.write_record(places.iter().map(field))?;
            }
        }
        Ok(())
    };
    let written = write();
    match written.and_then(|()| writer.into_inner().map_err(|e| e.into_error().into())) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        // Writing to memory cannot fail, and every record has the header's length.
        Err(error) => unreachable!("CSV in memory: {error}"),
    }
}

/// Column names and rows.
pub(crate) type Columns = (Vec<&'static str>, Vec<Vec<String>>);

fn rows<'a>(runs: &'a [Analysed<'_>]) -> impl Iterator<Item = &'a Row> {
    runs.iter().flat_map(|run| &run.rows)
}

fn of_rows(rows: &[&Row]) -> Columns {
    let columns = vec![
        "run",
        "suite",
        "workload",
        "target",
        "boundary",
        "metric",
        "at",
        "unit",
        "median",
        "ci95_low",
        "ci95_high",
        "p99",
        "min",
        "max",
        "trials",
        "samples",
        "outliers",
        "status",
        "note",
    ];
    let mut lines = Vec::new();
    for row in rows {
        let number = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        lines.push(vec![
            row.run.clone(),
            row.suite.to_string(),
            row.workload.to_string(),
            row.target.to_string(),
            row.boundary.to_string(),
            row.metric.to_string(),
            row.at.map(|at| at.to_string()).unwrap_or_default(),
            row.unit.to_string(),
            number(row.median),
            number(row.ci95.map(|ci| ci[0])),
            number(row.ci95.map(|ci| ci[1])),
            number(row.p99),
            number(row.min),
            number(row.max),
            row.trials.to_string(),
            row.samples.to_string(),
            row.outliers.to_string(),
            status(row.status).to_owned(),
            row.note.clone().unwrap_or_default(),
        ]);
    }
    (columns, lines)
}

/// Directive counts need their own columns, so a conformance run has its own table.
fn of_counts(rows: &[ConformanceRow]) -> Columns {
    let columns = vec![
        "run",
        "suite",
        "workload",
        "target",
        "passed",
        "failed",
        "skipped",
        "crashed",
        "timeout",
        "unsupported",
        "differing",
        "total",
        "status",
        "note",
    ];
    let mut lines = Vec::new();
    for row in rows {
        let count = |of: fn(&Tally) -> u32| row.tally.as_ref().map(|t| of(t).to_string());
        let count = |of| count(of).unwrap_or_default();
        lines.push(vec![
            row.run.clone(),
            row.suite.to_string(),
            row.workload.to_string(),
            row.target.to_string(),
            count(|tally| tally.passed),
            count(|tally| tally.failed),
            count(|tally| tally.skipped),
            count(|tally| tally.crashed),
            count(|tally| tally.timeout),
            count(|tally| tally.unsupported),
            count(|tally| tally.differing),
            row.total.to_string(),
            status(row.status).to_owned(),
            row.note.clone().unwrap_or_default(),
        ]);
    }
    (columns, lines)
}

/// Answers are text, so a sandbox run has its own table.
fn of_answers(rows: &[FactRow]) -> Columns {
    let columns = vec![
        "run", "suite", "workload", "title", "target", "answer", "evidence", "status", "note",
    ];
    let mut lines = Vec::new();
    for row in rows {
        lines.push(vec![
            row.run.clone(),
            row.suite.to_string(),
            row.workload.to_string(),
            row.title.clone(),
            row.target.to_string(),
            row.answer
                .map(|one| one.word().to_owned())
                .unwrap_or_default(),
            row.evidence.clone().unwrap_or_default(),
            status(row.status).to_owned(),
            row.note.clone().unwrap_or_default(),
        ]);
    }
    (columns, lines)
}

/// A status as spelled in JSON and CSV.
fn status(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Unsupported => "unsupported",
        Status::Failed => "failed",
        Status::WrongOutput => "wrong-output",
    }
}
