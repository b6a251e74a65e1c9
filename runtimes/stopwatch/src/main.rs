//! `plimsoll-stopwatch ITERATIONS BUDGET_NS PROGRAM [ARG..]`: times PROGRAM repeatedly and prints the readings as one
//! JSON document. Linked statically, so that it runs in an otherwise empty container.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use plimsoll_stopwatch::{Amount, Program, watch};

/// Exit code for the stopwatch's own failures, as in `env` and `nohup`; programs do not use it.
const FAILED: u8 = 125;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("plimsoll-stopwatch: {message}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(words: &[String]) -> Result<String, String> {
    let [iterations, budget, program, args @ ..] = words else {
        return Err("usage: plimsoll-stopwatch ITERATIONS BUDGET_NS PROGRAM [ARG..]".to_owned());
    };
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|error| format!("{text:?} is no number: {error}"))
    };
    let amount = Amount {
        iterations: u32::try_from(number(iterations)?)
            .map_err(|_| format!("{iterations} iterations are too many"))?,
        budget: Duration::from_nanos(number(budget)?),
    };
    // The environment is set by whoever starts the container, not by the stopwatch.
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let program = Program {
        program: Path::new(program),
        args,
        directory: None,
        env: &env,
    };
    let watched = watch(program, amount).map_err(|error| error.to_string())?;
    serde_json::to_string(&watched).map_err(|error| error.to_string())
}
