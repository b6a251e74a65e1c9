//! `bench history`: how rows went from run to run.

use std::path::PathBuf;

use plimsoll_analysis::Row;

use super::run::suite_named;
use crate::catalog::checkout::Checkout;
use crate::catalog::selection;
use crate::cli::{Export, History};
use crate::exit::{Exit, Usage};
use crate::history::export::{self, Better};
use crate::history::index::{self, IndexedRun};
use crate::history::trend;
use crate::ui::format;
use crate::ui::progress::say;

pub(super) fn run(args: &History) -> anyhow::Result<Exit> {
    let folder: PathBuf = match &args.folder {
        Some(folder) => folder.clone(),
        None => Checkout::find()?.results(),
    };
    if !folder.is_dir() {
        return Err(Usage(format!(
            "{} is no folder; name one that holds runs",
            folder.display()
        ))
        .into());
    }
    let suites = args
        .suites
        .iter()
        .map(|name| suite_named(name))
        .collect::<Result<Vec<_>, _>>()?;
    let runs = index::runs(&folder, args.rebuild)?;
    let wanted = |row: &Row| {
        let asked =
            |globs: &[String], name: &str| globs.is_empty() || selection::matches_any(globs, name);
        asked(&args.targets, row.target.as_str())
            && asked(&args.workloads, row.workload.as_str())
            && (suites.is_empty() || suites.contains(&row.suite))
    };
    let runs: Vec<&IndexedRun> = runs
        .iter()
        .filter(|run| run.rows.iter().any(wanted))
        .collect();
    let Some(newest) = runs.last() else {
        return Err(Usage(format!(
            "no run in {} has such a row; `bench run` makes runs",
            folder.display()
        ))
        .into());
    };
    let (here, elsewhere): (Vec<&IndexedRun>, Vec<&IndexedRun>) = runs
        .iter()
        .copied()
        .partition(|run| run.machine == newest.machine);
    if !elsewhere.is_empty() {
        say(&format!(
            "left out {} from other machines than the newest's ({})",
            format::count(elsewhere.len(), "run"),
            newest.machine
        ));
    }
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
    Ok(Exit::Held)
}

/// The newest value of every row.
fn exported(
    format: Export,
    runs: &[&IndexedRun],
    wanted: impl Fn(&Row) -> bool,
) -> anyhow::Result<String> {
    let trends = trend::trends(runs, wanted);
    let rows: Vec<&Row> = trends
        .iter()
        .filter_map(|trend| Some(trend.points.last()?.1))
        .collect();
    let value = match format {
        Export::Bmf => export::bmf(&rows),
        Export::GithubActionBenchmark => export::github_action_benchmark(&rows, Better::Smaller),
        Export::GithubActionBenchmarkBigger => {
            export::github_action_benchmark(&rows, Better::Bigger)
        }
    };
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}
