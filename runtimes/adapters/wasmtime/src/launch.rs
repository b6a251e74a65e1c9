//! One configuration as a process of its own: which runner, and its command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_adapter::Error;
use plimsoll_adapter::protocol::{Launch, Workload};
use wasmtime_runner::Compiler;

use crate::targets::{Configuration, Process, Runner};

/// Where `prepare` leaves a pair's artefact.
pub(crate) fn artefact(scratch: &Path) -> PathBuf {
    scratch.join("module.cwasm")
}

/// The runner that a target's process is, built or not.
pub(crate) fn runner(configuration: &Configuration) -> Option<PathBuf> {
    let (Process::Loads(runner) | Process::Compiles(runner)) = configuration.process else {
        return None;
    };
    // This executable is in the profile's directory of a build directory.
    let own = std::env::current_exe().unwrap_or_default();
    let profile = own.parent().unwrap_or(Path::new(""));
    Some(match runner {
        Runner::Default => profile.join("wasmtime-runner"),
        Runner::Smallest => profile
            .parent()
            .unwrap_or(profile)
            .join(concat!(env!("TARGET_TRIPLE"), "/release/wasmtime-runner")),
    })
}

/// How the pair is started from nothing, if the target is a process.
pub(crate) fn of(
    configuration: &Configuration,
    workload: &Workload,
    scratch: &Path,
) -> Result<Option<Launch>, Error> {
    let Some(program) = runner(configuration) else {
        return Ok(None);
    };
    let mut args = Vec::new();
    let mut file = artefact(scratch);
    if matches!(configuration.process, Process::Compiles(_)) {
        args.push("--compile".to_owned());
        file.clone_from(&workload.wasm);
    }
    if configuration.compiler == Compiler::Winch {
        args.push("--winch".to_owned());
    }
    if workload.input.is_some() {
        args.push("--dir".to_owned());
    }
    args.push(text(&file)?);
    args.push(workload.id.to_string());
    args.extend(workload.args.iter().cloned());
    Ok(Some(Launch {
        program,
        args,
        env: BTreeMap::new(),
        directory: workload.input.clone().unwrap_or(scratch.to_owned()),
        artefact: file,
    }))
}

fn text(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::Failed(format!(
            "{} is not UTF-8, which the protocol's arguments are",
            path.display()
        ))
    })
}
