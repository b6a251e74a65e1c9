//! `bench site`: recorded runs as a folder of linked pages, for any web server.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use plimsoll_analysis::analyse_all;
use plimsoll_record::Suite;
use plimsoll_record::reader::{RUN_FILE, read_run};
use time::OffsetDateTime;

use super::report::{claims, prices, read};
use crate::catalog::checkout::Checkout;
use crate::cli::site::Site;
use crate::exit::{Exit, Usage};
use crate::ui::format;
use crate::ui::progress::say;

/// Marks a folder as a site, which a later one may replace.
const MARK: &str = ".plimsoll-site";

pub(super) fn run(args: &Site) -> anyhow::Result<Exit> {
    let claims = claims(args.claims.as_deref())?;
    let prices = prices(args.prices.as_deref())?;
    let folder = &args.folder;
    if !may_be_replaced(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        return Err(Usage(format!(
            "{} is neither empty nor a site that `bench site` made; name another folder",
            folder.display()
        ))
        .into());
    }
    let directories = match args.runs.as_slice() {
        [] => newest(&Checkout::find()?)?,
        named => named.to_vec(),
    };
    let runs = read(&directories)?;
    let files = reports::site(&analyse_all(&runs), &claims, &prices);
    let size: usize = files.iter().map(|file| file.content.len()).sum();
    replace(folder, &files)
        .with_context(|| format!("cannot write the site to {}", folder.display()))?;
    say(&format!(
        "wrote {} from {} ({}); open {} in a browser, or give the folder to any web server",
        format::count(files.len(), "file"),
        format::count(runs.len(), "run"),
        reports::quantity::bytes(size as u64),
        folder.join("index.html").display()
    ));
    Ok(Exit::Ok)
}

/// The newest run of each suite in results/, in the order of suites.
fn newest(checkout: &Checkout) -> anyhow::Result<Vec<PathBuf>> {
    let results = checkout.results();
    let mut found: BTreeMap<Suite, (OffsetDateTime, PathBuf)> = BTreeMap::new();
    for entry in fs::read_dir(&results).into_iter().flatten() {
        let path = entry?.path();
        // `latest` is a link to another run.
        if !path.join(RUN_FILE).is_file() || path.is_symlink() {
            continue;
        }
        match read_run(&path) {
            Ok(run)
                if found
                    .get(&run.suite)
                    .is_none_or(|(then, _)| *then < run.started) =>
            {
                found.insert(run.suite, (run.started, path));
            }
            Ok(_) => {}
            Err(error) => say(&format!("skipped: {error}")),
        }
    }
    if found.is_empty() {
        return Err(Usage(format!(
            "no run is recorded in {} yet; `bench run --suite coldstart` makes one",
            checkout.shown(&results)
        ))
        .into());
    }
    Ok(found.into_values().map(|(_, path)| path).collect())
}

fn may_be_replaced(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none() || folder.join(MARK).is_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Writes the files beside `folder` and then puts them in its place: an error leaves an earlier site whole.
fn replace(folder: &Path, files: &[reports::SiteFile]) -> io::Result<()> {
    let whole = std::path::absolute(folder)?;
    let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let fresh = parent.join(format!(".{}.{}", name.display(), std::process::id()));
    let written = write(&fresh, files).and_then(|()| {
        match fs::remove_dir_all(&whole) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(&fresh, &whole)
    });
    if written.is_err() {
        let _ = fs::remove_dir_all(&fresh);
    }
    written
}

fn write(folder: &Path, files: &[reports::SiteFile]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(MARK), "")?;
    for file in files {
        let path = folder.join(&file.path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, &file.content)?;
    }
    Ok(())
}
