//! `keel inspect`: what a module needs and gives, how it is laid out, what its code became.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use keel::Fuel;

/// Show a module's imports, exports and layout, or a function's code
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Show the intermediate representation of the function with this index
    #[arg(long, value_name = "INDEX")]
    clif: Option<u32>,
    /// Show the machine code of the function with this index
    #[arg(long, value_name = "INDEX")]
    asm: Option<u32>,
    /// The module: .wasm, .wat or .keel
    module: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let engine = super::engine::engine(Fuel::Off);
    if args.clif.is_none() && args.asm.is_none() {
        let module = super::engine::load(&engine, &args.module)?;
        for (from, name, ty) in module.imports() {
            println!("import {from} {name}: {ty}");
        }
        for (name, ty) in module.exports() {
            println!("export {name}: {ty}");
        }
        print!("{}", module.describe());
        return Ok(ExitCode::SUCCESS);
    }
    let bytes = std::fs::read(&args.module)
        .with_context(|| format!("reading {}", args.module.display()))?;
    let wasm = wat::parse_bytes(&bytes)?;
    if let Some(function) = args.clif {
        println!("{}", engine.inspect_function(&wasm, function)?.clif);
    }
    if let Some(function) = args.asm {
        println!("{}", engine.inspect_function(&wasm, function)?.assembly);
    }
    Ok(ExitCode::SUCCESS)
}
