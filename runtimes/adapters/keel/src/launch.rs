//! keel as a process of its own: which program, and its command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_adapter::Error;
use plimsoll_adapter::protocol::{Launch, Workload};

use crate::targets::{Code, Configuration, Runner};

/// The triple that the loader is built for, because a static one needs it said.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Where `prepare` leaves a pair's artefact.
pub(crate) fn artefact(scratch: &Path) -> PathBuf {
    scratch.join("module.keel")
}

/// The program that a target's process is, built or not.
pub(crate) fn runner(configuration: &Configuration) -> PathBuf {
    // This executable is in the profile's directory of a build directory.
    let own = std::env::current_exe().unwrap_or_default();
    let profile = own.parent().unwrap_or(Path::new(""));
    match configuration.runner {
        Runner::Command => profile.join("keel"),
        Runner::Loader => profile
            .parent()
            .unwrap_or(profile)
            .join(TRIPLE)
            .join("release/keel-run"),
    }
}

/// How the pair is started from nothing.
pub(crate) fn of(
    configuration: &Configuration,
    workload: &Workload,
    scratch: &Path,
) -> Result<Launch, Error> {
    let file = match configuration.code {
        Code::Compiled => workload.wasm.clone(),
        Code::Loaded => artefact(scratch),
    };
    let mut args = Vec::new();
    if configuration.runner == Runner::Command {
        args.push("run".to_owned());
    }
    if workload.input.is_some() {
        args.extend(["--dir".to_owned(), ".::.::ro".to_owned()]);
    }
    args.push(text(&file)?);
    args.extend(workload.args.iter().cloned());
    Ok(Launch {
        program: runner(configuration),
        args,
        env: BTreeMap::new(),
        directory: workload.input.clone().unwrap_or(scratch.to_owned()),
        artefact: file,
    })
}

fn text(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::Failed(format!(
            "{} is not UTF-8, which the protocol's arguments are",
            path.display()
        ))
    })
}
