//! `keel inspect`: a module's imports, exports, layout and generated code.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use keel::{Fuel, Module};

/// Show a module's imports, exports and layout, or a function's code
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Show the intermediate representation of the function with this index
    #[arg(long, value_name = "INDEX")]
    clif: Option<u32>,
    /// Show the machine code of the function with this index
    #[arg(long, value_name = "INDEX")]
    asm: Option<u32>,
    /// MODULE is a .keel artefact that you trust
    #[arg(long)]
    artifact: bool,
    /// The module: .wasm or .wat, or - for standard input
    module: OsString,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let engine = super::engine::engine(Fuel::Off);
    let shown = || args.module.to_string_lossy().into_owned();
    if args.artifact && (args.clif.is_some() || args.asm.is_some()) {
        bail!(
            "{}: an artefact holds no function to compile; give its module to --clif and --asm",
            shown()
        );
    }
    let mut text = String::new();
    if args.clif.is_none() && args.asm.is_none() {
        let module = match args.artifact {
            true => super::engine::artifact(&engine, &args.module)?,
            false => Module::from_binary(&engine, &super::engine::wasm(&args.module)?)
                .with_context(shown)?,
        };
        for (from, name, ty) in module.imports() {
            let (from, name) = (from.escape_debug(), name.escape_debug());
            writeln!(text, "import {from} {name}: {ty}")?;
        }
        for (name, ty) in module.exports() {
            writeln!(text, "export {}: {ty}", name.escape_debug())?;
        }
        text.push_str(&module.describe());
    } else {
        let wasm = super::engine::wasm(&args.module)?;
        for (function, assembly) in [(args.clif, false), (args.asm, true)] {
            let Some(function) = function else { continue };
            let inspection = engine
                .inspect_function(&wasm, function)
                .with_context(shown)?;
            text.push_str(match assembly {
                true => &inspection.assembly,
                false => &inspection.clif,
            });
            text.push('\n');
        }
    }
    super::engine::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
