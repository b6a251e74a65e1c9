//! `plimsoll-stopwatch ITERATIONS BUDGET_NS PROGRAM [ARG..]`: times PROGRAM again and again and
//! prints what was seen as one JSON document. Linked statically, so that it runs in a container
//! that holds nothing else.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use plimsoll_stopwatch::{Amount, Program, watch};

/// What `env` and `nohup` exit with when they fail themselves: no program's own code.
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
    // Whoever starts a container says what is in the environment, not the stopwatch.
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
