//! One configuration as a process of its own: the runner and its command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_adapter::Error;
use plimsoll_adapter::protocol::{Access, Launch, Workload};
use wasmer_runner::Compiler;

use crate::targets::{Code, Configuration};

/// Where `prepare` leaves a pair's artefact.
pub(crate) fn artefact(scratch: &Path) -> PathBuf {
    scratch.join("module.wasmu")
}

/// The runner, built or not: beside this executable.
pub(crate) fn runner() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name("wasmer-runner")
}

/// How the pair is started from nothing.
pub(crate) fn of(
    configuration: &Configuration,
    workload: &Workload,
    scratch: &Path,
) -> Result<Launch, Error> {
    let mut args = Vec::new();
    let file = match configuration.code {
        Code::AheadOfTime => artefact(scratch),
        Code::AtStart => {
            args.push("--compile".to_owned());
            args.push(compiler(configuration.compiler).to_owned());
            workload.wasm.clone()
        }
    };
    match (&workload.input, workload.grants.folder) {
        (None, _) => {}
        (Some(_), Access::Read) => args.push("--dir".to_owned()),
        (Some(_), Access::Write) => args.extend(["--grant", ".::."].map(str::to_owned)),
    }
    for (name, value) in &workload.grants.env {
        args.extend(["--env".to_owned(), format!("{name}={value}")]);
    }
    args.push(text(&file)?);
    args.push(workload.id.to_string());
    args.extend(workload.args.iter().cloned());
    Ok(Launch {
        program: runner(),
        args,
        env: BTreeMap::new(),
        directory: workload.input.clone().unwrap_or(scratch.to_owned()),
        artefact: file,
    })
}

fn compiler(compiler: Compiler) -> &'static str {
    match compiler {
        Compiler::Cranelift => "cranelift",
        Compiler::Singlepass => "singlepass",
    }
}

fn text(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::Failed(format!(
            "{} is not UTF-8, which the protocol's arguments are",
            path.display()
        ))
    })
}
