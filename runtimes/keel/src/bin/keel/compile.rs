//! `keel compile`: a module to an artefact.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use keel::{Cpu, Fuel};

/// Compile a module to a .keel artefact, which starts without a compiler
///
/// The artefact is bound to this version of keel and to the features of the CPU that it is for.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Count what is executed, so that --fuel can stop it
    #[arg(long)]
    metered: bool,
    /// The CPU to compile for: native, x86-64-v2, x86-64-v3 or x86-64-v4, features added with +NAME
    #[arg(long, default_value = "native")]
    cpu: Cpu,
    /// Where to write the artefact; the module's name with .keel by default
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// The module: .wasm or .wat
    module: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let fuel = if args.metered {
        Fuel::Metered
    } else {
        Fuel::Off
    };
    let engine = super::engine::engine_for(fuel, args.cpu.clone());
    let artefact = engine
        .compile(&super::engine::wasm(&args.module)?)
        .with_context(|| args.module.display().to_string())?;
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| args.module.with_extension("keel"));
    // Written aside and renamed: an artefact that is mapped must not change.
    let mut aside = output.clone().into_os_string();
    aside.push(format!(".{}", std::process::id()));
    let aside = PathBuf::from(aside);
    std::fs::write(&aside, &artefact).with_context(|| format!("writing {}", aside.display()))?;
    std::fs::rename(&aside, &output).with_context(|| format!("writing {}", output.display()))?;
    Ok(ExitCode::SUCCESS)
}
