//! `keel wast`: the specification's test scripts.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use keel::wast::{Specification, complaint};
use keel::{Config, Engine};
use plimsoll_wast::forms::Form;
use plimsoll_wast::{Outcome, Selection};

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
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for script in &args.scripts {
        let text =
            std::fs::read(script).with_context(|| format!("reading {}", script.display()))?;
        let text = String::from_utf8_lossy(&text);
        let mut keel = Specification::new(&engine)?;
        let mut report = |_, form: &Form<'_>, outcome| {
            if matches!(outcome, Outcome::Skipped { .. }) {
                skipped += 1;
                return;
            }
            match complaint(outcome) {
                Some(message) => {
                    failed += 1;
                    println!("{}:{}: {message}", script.display(), form.line);
                }
                None => passed += 1,
            }
        };
        plimsoll_wast::run(&mut keel, &text, Selection::default(), &mut report);
    }
    println!("{passed} passed, {failed} failed, {skipped} ask nothing of an engine");
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
