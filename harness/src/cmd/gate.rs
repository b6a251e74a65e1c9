//! `bench gate`: measures base and head side by side; fails if head is worse.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use plimsoll_analysis::gate::{GateReport, Overall, Settings};
use plimsoll_record::Recorded;

use super::run::{shell_word, suite_named};
use crate::catalog::user_program::Sides;
use crate::cli::Gate;
use crate::exit::{Exit, Usage};
use crate::gate::job::{Ended, carry_out, recorded};
use crate::gate::request::{Request, Source};
use crate::gate::side::Product;
use crate::gate::{junit, show};
use crate::machine::writable;
use crate::process::command::ToolError;
use crate::run::session::Stopped;
use crate::ui::progress::say;

pub(super) fn run(args: &Gate) -> anyhow::Result<Exit> {
    let markdown = args.markdown.as_ref().and_then(Option::as_ref);
    let files = [args.junit.as_ref(), markdown].into_iter().flatten();
    let mut files = files.map(PathBuf::as_path);
    files.try_for_each(writable::file)?;
    let pinned = match &args.baseline {
        Some(directory) => Some(Recorded::read(directory)?),
        None => None,
    };
    let settings = Settings {
        threshold: args.threshold,
        detect: args.detect,
        growth: args.growth,
    };
    if let (Some(candidate), Some(pinned)) = (&args.candidate, &pinned) {
        let report = recorded(pinned, &Recorded::read(candidate)?, settings)?;
        return conclude(args, &report, None);
    }
    match carry_out(&request(args, settings)?, pinned.as_ref()) {
        Err(error) if is_interruption(&error) => {
            say("interrupted; nothing is judged");
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(error),
        Ok(Ended::Refused) => Ok(Exit::Incomplete),
        Ok(Ended::Judged(report, directory)) => conclude(args, &report, Some(&directory)),
    }
}

fn request(args: &Gate, settings: Settings) -> anyhow::Result<Request> {
    Ok(Request {
        own: Sides::of(args)?,
        base: match (&args.base, &args.base_ref) {
            (Some(path), _) => Source::Product(Product::at(path)?),
            (None, Some(name)) => Source::Commit(name.clone()),
            (None, None) => Source::Product(Product::Here),
        },
        head: match &args.head {
            Some(path) => Product::at(path)?,
            None => Product::Here,
        },
        targets: args.targets.clone(),
        workloads: args.workloads.clone(),
        suites: args
            .suites
            .iter()
            .map(|name| suite_named(name))
            .collect::<Result<_, Usage>>()?,
        settings,
        blocks: args.blocks,
        budget: Duration::from_secs(args.budget),
        denoise: args.denoise,
        seed: args.seed,
        out: args.out.clone(),
        wait: args.wait,
    })
}

fn is_interruption(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Stopped::Interrupted))
        || matches!(error.downcast_ref(), Some(ToolError::Interrupted))
}

/// Writes the requested forms of the report, and returns the exit code.
fn conclude(args: &Gate, report: &GateReport, directory: Option<&Path>) -> anyhow::Result<Exit> {
    let json = serde_json::to_string_pretty(report)? + "\n";
    let markdown = show::markdown(report);
    let xml = junit::xml(report);
    let write = |path: &Path, text: &str| {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    // Print the verdict first, because a full disk must not lose it.
    super::print(&match (args.json, &args.markdown) {
        (true, _) => json.clone(),
        (false, Some(None)) => markdown.clone(),
        (false, _) => show::terminal(report),
    })?;
    if let Some(directory) = directory {
        // The directory does not exist yet if nothing could be measured.
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        write(&directory.join("gate.json"), &json)?;
        write(&directory.join("gate.md"), &markdown)?;
        write(&directory.join("gate.xml"), &xml)?;
    }
    if let Some(path) = &args.junit {
        write(path, &xml)?;
    }
    if let Some(Some(path)) = &args.markdown {
        write(path, &markdown)?;
    }
    append_to_summary(&markdown);
    if let Some(directory) = directory {
        say(&format!(
            "every sample, gate.json, gate.md and gate.xml are in {}",
            shell_word(directory)
        ));
    }
    Ok(match (report.verdict, args.strict) {
        (Overall::Regression, _) => Exit::Regression,
        (Overall::NotJudged, _) => Exit::Incomplete,
        (Overall::Inconclusive, true) => Exit::Incomplete,
        (Overall::Inconclusive, false) => {
            say("warning: inconclusive rows do not fail a gate without --strict");
            Exit::Ok
        }
        (Overall::Held, _) => Exit::Ok,
    })
}

/// Appends to the job summary of GitHub Actions, if there is one.
fn append_to_summary(markdown: &str) {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return;
    };
    let path = PathBuf::from(path);
    let appended = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(markdown.as_bytes()));
    // A missing summary does not change the verdict.
    if let Err(error) = appended {
        say(&format!(
            "cannot append to the step summary {}: {error}",
            path.display()
        ));
    }
}
