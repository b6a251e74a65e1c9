//! `bench report`: shows a recorded run, as text, HTML or data.

use std::collections::BTreeSet;
use std::fs;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use plimsoll_analysis::analyse_all;
use plimsoll_record::{Recorded, TargetId, WorkloadId};
use reports::claims::{self, Claims};
use reports::cost::Prices;
use reports::machines::Machines;

use crate::catalog::checkout::Checkout;
use crate::catalog::selection::matches_any;
use crate::cli::Report;
use crate::exit::{Exit, Usage};
use crate::ui;
use crate::ui::progress::say;
use crate::ui::terminal;

pub(super) fn run(args: &Report) -> anyhow::Result<Exit> {
    let claims = claims(args.claims.as_deref())?;
    let directories: Vec<PathBuf> = match args.runs.as_slice() {
        [] => vec![super::latest(&Checkout::find()?)?],
        named => named.to_vec(),
    };
    let mut runs = read(&directories)?;
    for recorded in &mut runs {
        narrow(recorded, &args.targets, &args.workloads)?;
    }
    if let Some(file) = &args.html {
        let path = match file {
            Some(path) => path.clone(),
            None => directories[0].join("report.html"),
        };
        fs::write(
            &path,
            reports::html(
                &analyse_all(&runs),
                &claims,
                &prices(args.prices.as_deref())?,
            ),
        )
        .with_context(|| format!("cannot write the report to {}", path.display()))?;
        if args.open {
            open(&path)?;
            say(&format!("wrote {} and opened it", path.display()));
        } else {
            let whole = path::absolute(&path)?;
            say(&format!(
                "wrote {}; open it in any browser, no network needed: file://{} (or add --open)",
                path.display(),
                whole.display()
            ));
        }
    } else if let Some(target) = &args.badge {
        let target = TargetId::from(target.as_str());
        let badge = analyse_all(&runs)
            .iter()
            .find_map(|run| reports::badge(run, &target));
        let badge = badge.ok_or_else(|| {
            Usage(format!(
                "no run here counts what {target} passes of the specification; `bench run --suite \
                 conformance --target {target}` makes one"
            ))
        })?;
        super::print(&badge)?;
    } else if let Some(folder) = &args.hgrm {
        hgrm(&runs, folder)?;
    } else if args.markdown {
        super::print(&reports::markdown(&analyse_all(&runs), &claims))?;
    } else if args.json {
        super::print(&reports::json(&analyse_all(&runs), &claims))?;
    } else if args.csv {
        super::print(&reports::csv(&analyse_all(&runs)))?;
    } else {
        let analysed = analyse_all(&runs);
        for run in &analysed {
            super::print(&terminal::tables(run))?;
            super::print(&terminal::marked(&run.marked))?;
        }
        if let Some(machines) = Machines::of(&analysed, &claims) {
            super::print(&terminal::machines::machines(&machines))?;
        }
        let verdicts = claims::judge(&claims, &analysed);
        super::print(&terminal::claims::verdicts(&verdicts))?;
    }
    Ok(Exit::Ok)
}

/// The claims in `file`, or those that are published with `bench`.
pub(super) fn claims(file: Option<&Path>) -> anyhow::Result<Claims> {
    match file {
        None => Ok(Claims::published()),
        Some(path) => Ok(Claims::read(path).map_err(|error| Usage(error.to_string()))?),
    }
}

/// The prices in `file`, or the example.
pub(super) fn prices(file: Option<&Path>) -> anyhow::Result<Prices> {
    match file {
        None => Ok(Prices::example()),
        Some(path) => Ok(Prices::read(path).map_err(|error| Usage(error.to_string()))?),
    }
}

/// Reads runs, and prints a line for each that ended early or is damaged.
pub(super) fn read(directories: &[PathBuf]) -> anyhow::Result<Vec<Recorded>> {
    let mut runs = Vec::new();
    for directory in directories {
        let recorded = Recorded::read(directory)?;
        if !recorded.is_complete() {
            say(&format!(
                "{} ended early: {} of {} trials are recorded",
                recorded.run.id,
                recorded.trials.len(),
                recorded.run.plan.len()
            ));
        }
        let damage = terminal::damage(&recorded);
        if !damage.is_empty() {
            say(&format!("{}: {}", recorded.run.id, damage.trim_end()));
        }
        runs.push(recorded);
    }
    Ok(runs)
}

/// Opens a file with the desktop's default program.
fn open(file: &Path) -> anyhow::Result<()> {
    let name = "xdg-open";
    let remedy = format!("open {} in a browser by hand", file.display());
    let ended = Command::new(name)
        .arg(path::absolute(file)?)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {name}, which opens files; {remedy}"))?;
    anyhow::ensure!(
        ended.success(),
        "{name} found no program for {} ({ended}); {remedy}",
        file.display()
    );
    Ok(())
}

/// Writes the latencies of `runs` into `folder`.
fn hgrm(runs: &[Recorded], folder: &Path) -> anyhow::Result<()> {
    let mut written = 0;
    for run in runs {
        written += ui::hgrm::write(run, folder)
            .with_context(|| format!("cannot write to {}", folder.display()))?;
    }
    if written == 0 {
        return Err(Usage(
            "no run here has latencies under load; `bench run --suite serve` records them"
                .to_owned(),
        )
        .into());
    }
    let files = ui::format::count(written, "file");
    say(&format!("wrote {files} to {}", folder.display()));
    Ok(())
}

/// Keeps only what `targets` and `workloads` select; without globs, everything.
///
/// # Errors
/// [`Usage`] if nothing is left.
fn narrow(recorded: &mut Recorded, targets: &[String], workloads: &[String]) -> anyhow::Result<()> {
    let meant = |globs: &[String], name: &str| globs.is_empty() || matches_any(globs, name);
    let target = |id: &TargetId| meant(targets, id.as_str());
    let workload = |id: &WorkloadId| meant(workloads, id.as_str());
    let run = &mut recorded.run;
    run.plan
        .retain(|trial| target(&trial.target) && workload(&trial.workload));
    if run.plan.is_empty() && !(targets.is_empty() && workloads.is_empty()) {
        return Err(Usage(format!(
            "{} has no trial of what --target and --workload name",
            run.id
        ))
        .into());
    }
    let kept: BTreeSet<u32> = run.plan.iter().map(|trial| trial.index).collect();
    run.targets.retain(|record| target(&record.target));
    run.workloads.retain(|record| workload(&record.workload));
    run.artefacts
        .retain(|one| target(&one.target) && workload(&one.workload));
    if let Some(specification) = &mut run.specification {
        specification.groups.retain(|group| workload(&group.id));
    }
    recorded.trials.retain(|index, _| kept.contains(index));
    Ok(())
}
