//! Runs the specification's test scripts for the protocol, with the crate `plimsoll-wast`.

use std::fs;

pub use plimsoll_wast::*;

use crate::Error;
use crate::protocol::{Directive, Script, Went};

/// Runs the script of a request, reports every directive, and returns their number.
///
/// # Errors
/// If the script cannot be read.
pub fn run<E: Engine + 'static>(
    engine: &mut E,
    request: &Script,
    report: &mut dyn FnMut(Directive),
) -> Result<u32, Error> {
    let bytes = fs::read(&request.script)
        .map_err(|error| Error::failed(format!("reading {}", request.script.display()), error))?;
    let selection = Selection {
        from: request.from,
        without: &request.without,
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut report = |index, _: &forms::Form<'_>, outcome: Outcome| {
        report(Directive {
            index,
            went: match outcome {
                Outcome::Passed { differs } => Went::Passed {
                    differs: differs.map(|differs| differs.to_string()),
                },
                Outcome::Failed { message } => Went::Failed { message },
                Outcome::Skipped { reason } => Went::Skipped { reason },
            },
        });
    };
    Ok(plimsoll_wast::run(engine, &text, selection, &mut report))
}
