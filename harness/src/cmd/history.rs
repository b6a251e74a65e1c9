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

/// The runs of the newest run's machine, or of those that match `glob` if all are of one type.
fn on_machine<'a>(
    runs: &[&'a HistoryRun],
    glob: Option<&str>,
) -> Result<Vec<&'a HistoryRun>, Usage> {
    let machines = machines(runs);
    let chosen: Vec<&Machine<'_>> = match glob {
        None => machines.first().into_iter().collect(),
        Some(glob) => {
            let globs = [format!("*{glob}*")];
            let matches = |machine: &&Machine<'_>| selection::matches_any(&globs, &machine.words());
            machines.iter().filter(matches).collect()
        }
    };
    let words = |machines: &[&Machine<'_>]| {
        let words = machines.iter().map(|machine| machine.words());
        words.collect::<Vec<_>>().join("; ")
    };
    if let Some(glob) = glob {
        if chosen.is_empty() {
            return Err(Usage(format!(
                "no run is from a machine like {glob:?}; there are: {}",
                words(&machines.iter().collect::<Vec<_>>())
            )));
        }
        if chosen.iter().any(|machine| machine.of != chosen[0].of) {
            return Err(Usage(format!(
                "machines of several types are like {glob:?}: {}; name one of them",
                words(&chosen)
            )));
        }
    }
    let is_chosen = |machine: &&Machine<'_>| {
        let mut chosen = chosen.iter();
        chosen.any(|one| std::ptr::eq(*one, *machine))
    };
    let here: Vec<&HistoryRun> = runs
        .iter()
        .copied()
        .filter(|run| chosen.iter().any(|machine| machine.is_of(run)))
        .collect();
    if chosen.len() > 1 {
        say(&format!(
            "showing {} of one type; a change of level may be a change of machine: {}",
            format::count(chosen.len(), "machine"),
            words(&chosen)
        ));
    }
    let others: Vec<&Machine<'_>> = machines.iter().filter(|one| !is_chosen(one)).collect();
    if !others.is_empty() {
        say(&format!(
            "showing the machine {}; skipped {} from other machines, which --machine shows: {}",
            words(&chosen),
            format::count(runs.len() - here.len(), "run"),
            words(&others)
        ));
    }
    Ok(here)
}

/// One machine with its runs, newest first.
struct Machine<'a> {
    /// What it is, without its name.
    of: String,
    runs: Vec<&'a HistoryRun>,
}

impl Machine<'_> {
    fn is_of(&self, run: &HistoryRun) -> bool {
        self.runs.iter().any(|own| std::ptr::eq(*own, run))
    }

    /// What it is, and the name of its newest run.
    fn words(&self) -> String {
        let mut known = self.runs.iter();
        match known.find_map(|run| run.run.environment.identity.as_ref()) {
            Some(identity) => format!("{} ({})", self.of, identity.name),
            None => self.of.clone(),
        }
    }
}

/// The machines of `runs`, that of the newest run first. Machines with an identity are told apart by it, others by what
/// they are.
fn machines<'a>(runs: &[&'a HistoryRun]) -> Vec<Machine<'a>> {
    let mut machines: Vec<Machine<'a>> = Vec::new();
    for run in runs.iter().copied().rev() {
        let of = series::machine(&run.run.environment);
        let is_same = |other: &&HistoryRun| {
            let identity = |run: &HistoryRun| run.run.environment.identity.clone();
            match (identity(run), identity(other)) {
                (Some(own), Some(others)) => own.is_same(&others),
                _ => of == series::machine(&other.run.environment),
            }
        };
        let mut known = machines.iter_mut();
        match known.find(|machine| machine.runs.iter().any(&is_same)) {
            Some(machine) => machine.runs.push(run),
            None => machines.push(Machine {
                of,
                runs: vec![run],
            }),
        }
    }
    machines
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
