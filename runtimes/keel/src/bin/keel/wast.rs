//! `keel wast`: the specification's test scripts.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use keel::{Config, Engine};

/// Run the specification's test scripts
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What modules may use
    #[arg(long, default_value = "extended")]
    language: Language,
    /// The scripts
    #[arg(required = true)]
    scripts: Vec<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Language {
    #[value(name = "1")]
    Wasm1,
    #[value(name = "2")]
    Wasm2,
    #[value(name = "3")]
    Wasm3,
    Extended,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let language = match args.language {
        Language::Wasm1 => keel::Language::Wasm1,
        Language::Wasm2 => keel::Language::Wasm2,
        Language::Wasm3 => keel::Language::Wasm3,
        Language::Extended => keel::Language::Extended,
    };
    let engine = Engine::new(Config::new().language(language));
    let (mut passed, mut failed) = (0, 0);
    for script in &args.scripts {
        let text = std::fs::read_to_string(script)
            .with_context(|| format!("reading {}", script.display()))?;
        let outcome =
            keel::wast::run(&engine, &text).with_context(|| format!("in {}", script.display()))?;
        passed += outcome.passed;
        failed += outcome.failures.len();
        for failure in &outcome.failures {
            println!("{}:{}: {}", script.display(), failure.line, failure.message);
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
