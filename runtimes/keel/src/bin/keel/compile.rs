//! `keel compile`: a module to an artefact.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
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
    /// The module: .wasm or .wat, or - for standard input
    module: OsString,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let fuel = match args.metered {
        true => Fuel::Metered,
        false => Fuel::Off,
    };
    let output = match &args.output {
        Some(output) => output.clone(),
        None => beside(Path::new(&args.module))?,
    };
    let engine = super::engine::engine_for(fuel, args.cpu.clone());
    let artefact = engine
        .compile(&super::engine::wasm(&args.module)?)
        .with_context(|| args.module.to_string_lossy().into_owned())?;
    write(&output, &artefact).with_context(|| format!("writing {}", output.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The default output: the module's path with the extension `.keel`. Standard input and devices
/// have none.
fn beside(module: &Path) -> anyhow::Result<PathBuf> {
    let is_file = std::fs::metadata(module).is_ok_and(|found| found.is_file());
    if !is_file && (module == Path::new("-") || module.exists()) {
        anyhow::bail!(
            "{} is no file: say with -o where to write",
            module.display()
        );
    }
    Ok(module.with_extension("keel"))
}

/// Writes to a temporary file and renames it, so that readers of the old file are not disturbed.
/// Follows a link; writes straight to a device or pipe.
fn write(output: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let target = match std::fs::metadata(output) {
        Ok(found) if !found.is_file() => {
            return OpenOptions::new()
                .write(true)
                .open(output)?
                .write_all(bytes);
        }
        Ok(_) => std::fs::canonicalize(output)?,
        // A dangling link: its target is created.
        Err(_) => std::fs::read_link(output).map_or_else(
            |_| output.to_owned(),
            |link| output.parent().unwrap_or(Path::new("")).join(link),
        ),
    };
    let mut aside = target.clone().into_os_string();
    aside.push(format!(".{}", std::process::id()));
    let written = File::create_new(&aside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| std::fs::rename(&aside, &target));
    if written.is_err() {
        // Removes the incomplete file. A failure to do so is less useful to report than the first
        // error.
        let _ = std::fs::remove_file(&aside);
    }
    written
}
