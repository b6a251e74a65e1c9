//! `bench history`: shows how rows changed from run to run.

use std::path::PathBuf;

use plimsoll_analysis::Row;
use plimsoll_record::Suite;

use super::run::suite_named;
use crate::catalog::checkout::Checkout;
use crate::catalog::selection;
use crate::cli::{Export, History};
use crate::exit::{Exit, Usage};
use crate::history::export::{self, Better};
use crate::history::runs::{self, HistoryRun};
use crate::history::{series, trend};
use crate::ui::format;
use crate::ui::progress::say;

pub(super) fn run(args: &History) -> anyhow::Result<Exit> {
    let folder: PathBuf = match &args.folder {
        Some(folder) => folder.clone(),
        None => Checkout::find()?.results(),
    };
    if !folder.is_dir() {
        return Err(Usage(format!(
            "{} is not a folder; name one that holds runs",
            folder.display()
        ))
        .into());
    }
    let suites = args
        .suites
        .iter()
        .map(|name| suite_named(name))
        .collect::<Result<Vec<_>, _>>()?;
    let runs = runs::runs(&folder, args.rebuild)?;
    let wanted = |row: &Row| {
        let matches =
            |globs: &[String], name: &str| globs.is_empty() || selection::matches_any(globs, name);
        matches(&args.targets, row.target.as_str())
            && matches(&args.workloads, row.workload.as_str())
            && (suites.is_empty() || suites.contains(&row.suite))
    };
    let with_rows: Vec<&HistoryRun> = runs
        .iter()
        .filter(|run| run.rows.iter().any(wanted))
        .collect();
    if with_rows.is_empty() {
        return Err(Usage(format!(
            "no run in {} has such a row; `bench run` makes runs",
            folder.display()
        ))
        .into());
    }
    let here = on_machine(&with_rows, args.machine.as_deref())?;
    let text = match args.export {
        Some(format) => exported(format, &here, wanted)?,
        None => {
            let trends = trend::trends(&here, wanted);
            match args.runs {
                true => trend::runs(&trends),
                false => trend::table(&trends),
            }
        }
    };
    super::print(&text)?;
    Ok(Exit::Ok)
}

/// The runs of one machine: the one that matches `glob`, or the newest run's.
fn on_machine<'a>(
    runs: &[&'a HistoryRun],
    glob: Option<&str>,
) -> Result<Vec<&'a HistoryRun>, Usage> {
    let machine = |run: &HistoryRun| series::machine(&run.run.environment);
    let mut machines: Vec<String> = Vec::new();
    for run in runs.iter().rev() {
        let machine = machine(run);
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    let chosen = match glob {
        None => machines.first().cloned().unwrap_or_default(),
        Some(glob) => {
            let globs = [format!("*{glob}*")];
            let mut matching = machines
                .iter()
                .filter(|m| selection::matches_any(&globs, m));
            match (matching.next(), matching.next()) {
                (Some(one), None) => one.clone(),
                (None, _) => {
                    return Err(Usage(format!(
                        "no run is from a machine like {glob:?}; there are: {}",
                        machines.join("; ")
                    )));
                }
                (Some(_), Some(_)) => {
                    return Err(Usage(format!(
                        "several machines are like {glob:?}: {}; name one of them",
                        machines.join("; ")
                    )));
                }
            }
        }
    };
    let here: Vec<&HistoryRun> = runs
        .iter()
        .copied()
        .filter(|run| machine(run) == chosen)
        .collect();
    let others: Vec<&str> = machines
        .iter()
        .map(String::as_str)
        .filter(|m| *m != chosen)
        .collect();
    if !others.is_empty() {
        say(&format!(
            "showing the machine {chosen}; skipped {} from other machines, which --machine shows: {}",
            format::count(runs.len() - here.len(), "run"),
            others.join("; ")
        ));
    }
    Ok(here)
}

/// The rows of the newest run of each suite.
fn exported(
    format: Export,
    runs: &[&HistoryRun],
    wanted: impl Fn(&Row) -> bool,
) -> anyhow::Result<String> {
    let mut suites: Vec<Suite> = Vec::new();
    let mut rows: Vec<&Row> = Vec::new();
    for run in runs.iter().rev() {
        if !suites.contains(&run.run.suite) {
            suites.push(run.run.suite);
            rows.extend(run.rows.iter().filter(|row| wanted(row)));
        }
    }
    let value = match format {
        Export::Bmf => export::bmf(&rows),
        Export::GithubActionBenchmark => export::github_action_benchmark(&rows, Better::Smaller),
        Export::GithubActionBenchmarkBigger => {
            export::github_action_benchmark(&rows, Better::Bigger)
        }
    };
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}
