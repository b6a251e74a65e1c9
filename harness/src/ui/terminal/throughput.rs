//! The suite `throughput` on a terminal: ratios to native per target, within 80 columns.

use std::fmt::Write;

use plimsoll_analysis::Analysed;
use plimsoll_analysis::reference::Ratio;
use plimsoll_analysis::statistics::{Interval, WarmUp};
use plimsoll_analysis::throughput::{Cell, Standing, Throughput};
use plimsoll_record::{Metric, TargetId};

use super::counted::wrapped;
use super::{BAD, BOLD, DIM, styled};
use crate::ui::format;

/// Maximum width of a target name for a table of 80 columns.
const NAME_WIDTH: usize = 26;

/// Ratios to native for every workload, and the geometric means.
pub fn throughput(run: &Analysed<'_>) -> String {
    let recorded = run.recorded;
    let Some(throughput) = &run.throughput else {
        return String::new();
    };
    let mut text = String::new();
    for workload in &throughput.workloads {
        let mut known = recorded.run.workloads.iter();
        let title = known
            .find(|record| record.workload == *workload)
            .map_or("", |record| record.title.as_str());
        let _ = writeln!(text, "\n{}: {title}", styled(BOLD, workload.as_str()));
        heading(&mut text, "run");
        for standing in &throughput.standings {
            if let Some(cell) = standing.cell(workload) {
                name(&mut text, &standing.target);
                text.push_str(&line(
                    cell,
                    Some(&standing.target) == throughput.reference.as_ref(),
                ));
            }
        }
    }
    means(&mut text, throughput);
    for sentence in throughput.left_out() {
        let _ = writeln!(text, "{}", wrapped(&sentence));
    }
    legend(&mut text, throughput);
    let said = recorded.run.instructions().unwrap_or("not looked for");
    let counted = match throughput.metrics().contains(&Metric::Instructions) {
        true => "; their ratios are in the report",
        false => "",
    };
    let _ = writeln!(
        text,
        "{}",
        wrapped(&format!("Instructions: {said}{counted}."))
    );
    text
}

fn heading(text: &mut String, first: &str) {
    let _ = writeln!(
        text,
        "{:NAME_WIDTH$}{first:>8}{:>8}  {:14}{:>7}  runs",
        "", "wall", "95 % interval", "CPU"
    );
}

fn name(text: &mut String, target: &TargetId) {
    if target.as_str().chars().count() > NAME_WIDTH {
        let _ = write!(text, "{target}\n{:NAME_WIDTH$}", "");
    } else {
        let _ = write!(text, "{target:NAME_WIDTH$}");
    }
}

fn line(cell: &Cell, is_reference: bool) -> String {
    let Some(median) = cell.median else {
        return format!("{}\n", styled(BAD, "  failed"));
    };
    let wall = cell.ratio(Metric::WallTime);
    let figures = match wall {
        _ if is_reference => figures(Some(1.0), None, Some(1.0)),
        None => figures(None, None, None),
        Some(Ratio { ratio, ci95, .. }) => {
            let cpu = cell.ratio(Metric::CpuTime).map(|cpu| cpu.ratio);
            figures(Some(*ratio), *ci95, cpu)
        }
    };
    let runs = match cell.warm_up {
        WarmUp::Steady => "steady".to_owned(),
        WarmUp::SlowStart { iterations, .. } => format!("slow first {iterations}"),
        WarmUp::NoSteadyState => "unsettled".to_owned(),
        WarmUp::TooShort => "-".to_owned(),
    };
    format!("{:>8}{figures}  {runs}\n", format::nanoseconds(median))
}

fn figures(wall: Option<f64>, ci95: Option<Interval>, cpu: Option<f64>) -> String {
    let ratio = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    let interval = ci95.map_or_else(String::new, |ci| format!("{:.3} to {:.3}", ci.low, ci.high));
    format!("{:>8}  {interval:14}{:>7}", ratio(wall), ratio(cpu))
}

fn means(text: &mut String, throughput: &Throughput) {
    if throughput.common.len() < 2 || throughput.reference.is_none() {
        return;
    }
    let compared = throughput.standings.iter();
    let compared: Vec<&Standing> = compared.filter(|s| !s.means.is_empty()).collect();
    let names: Vec<&str> = throughput.common.iter().map(|w| w.as_str()).collect();
    let _ = writeln!(
        text,
        "\n{} over {}",
        styled(BOLD, "geometric mean"),
        names.join(", ")
    );
    heading(text, "");
    for standing in compared {
        if Some(&standing.target) == throughput.reference.as_ref() {
            continue;
        }
        name(text, &standing.target);
        let of = |metric| standing.mean(metric);
        let wall = of(Metric::WallTime);
        let _ = writeln!(
            text,
            "{:8}{}",
            "",
            figures(
                wall.map(|mean| mean.ratio),
                wall.and_then(|mean| mean.ci95),
                of(Metric::CpuTime).map(|mean| mean.ratio)
            )
            .trim_end()
        );
    }
}

fn legend(text: &mut String, throughput: &Throughput) {
    let against = match &throughput.reference {
        Some(reference) => format!("Ratios are times {reference}: above 1 takes longer."),
        None => {
            "Native code was not measured: there is nothing to compare the times with.".to_owned()
        }
    };
    let _ = writeln!(
        text,
        "\n{against} run: the guest's own code,\nfrom its first instruction to its end."
    );
    let left: Vec<&str> = throughput
        .workloads
        .iter()
        .filter(|workload| !throughput.common.contains(workload))
        .map(|workload| workload.as_str())
        .collect();
    if !left.is_empty() {
        let note = format!(
            "Not every target completed {}: no part of the mean.",
            left.join(", ")
        );
        let _ = writeln!(text, "{}", styled(DIM, &note));
    }
}
