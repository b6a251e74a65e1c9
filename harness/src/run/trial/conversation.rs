//! A step that an adapter runs: one fresh adapter process, one request.

use std::mem::take;
use std::path::Path;
use std::time::Duration;

use plimsoll_adapter::protocol::{Done, Measure, Reply, Request, Sample};
use plimsoll_record::{FailureKind, Outcome};

use super::{TrialResult, verify};
use crate::machine::interrupt::Interrupt;
use crate::run::adapter::child::{AdapterChild, Fault, unexpected};

/// Runs `measure` in a fresh process of the adapter `program`.
///
/// # Errors
/// Only [`Fault::Interrupted`]; any other failure is the trial's outcome.
pub fn run(
    program: &Path,
    directory: &Path,
    measure: &Measure,
    expected: &[u8],
    deadline: Duration,
    interrupt: &Interrupt,
) -> Result<TrialResult, Fault> {
    let mut adapter = match AdapterChild::start(program, directory, interrupt) {
        Ok(adapter) => adapter,
        Err(fault) => return failed(fault, String::new(), Vec::new()),
    };
    let mut samples = Vec::new();
    match converse(&mut adapter, measure, expected, deadline, &mut samples) {
        Ok(yielded) => {
            let stderr = adapter.stderr();
            adapter.goodbye();
            Ok(with_stderr(yielded, stderr))
        }
        Err(fault) => {
            let stderr = adapter.stderr();
            drop(adapter);
            failed(fault, stderr, samples)
        }
    }
}

fn converse(
    adapter: &mut AdapterChild,
    measure: &Measure,
    expected: &[u8],
    deadline: Duration,
    samples: &mut Vec<Sample>,
) -> Result<TrialResult, Fault> {
    adapter.hello(deadline)?;
    let request = Request::Measure(measure.clone());
    let mut exchange = adapter.ask(&request, "measure", deadline)?;
    loop {
        match exchange.reply()? {
            Reply::Sample(sample) if measure.step.spec().yields.contains(&sample.boundary) => {
                samples.push(sample)
            }
            Reply::Done(done) => return judge(take(samples), &done, measure, expected),
            Reply::Unsupported { reason } => {
                return Ok(TrialResult::nothing(Outcome::Unsupported { reason }));
            }
            Reply::Failed {
                message,
                out_of_memory,
            } => {
                let outcome = Outcome::Failed {
                    kind: match out_of_memory {
                        true => FailureKind::OutOfMemory,
                        false => FailureKind::Engine,
                    },
                    message,
                    stderr: String::new(),
                };
                // The samples so far are recorded, although they do not count.
                return Ok(TrialResult {
                    histograms: Vec::new(),
                    samples: take(samples),
                    outcome,
                    note: None,
                });
            }
            other => return Err(unexpected(&other, "measure")),
        }
    }
}

fn judge(
    samples: Vec<Sample>,
    done: &Done,
    measure: &Measure,
    expected: &[u8],
) -> Result<TrialResult, Fault> {
    if samples.is_empty() {
        return Err(Fault::Protocol(format!(
            "no sample of step {}",
            measure.step
        )));
    }
    if done.outputs.iter().all(|output| output.times == 0) {
        return Err(Fault::Protocol("no output to verify".to_owned()));
    }
    for output in &done.outputs {
        let stdout = output.stdout.0.as_slice();
        // A process's parent sees only the low eight bits.
        let verdict = match output.exit_code & 0xff {
            0 => verify::verify(stdout, stdout.len(), expected),
            code => Err(format!("exited with code {code} instead of 0")),
        };
        if let Err(message) = verdict {
            return Ok(TrialResult {
                samples,
                histograms: Vec::new(),
                outcome: Outcome::WrongOutput {
                    message: format!(
                        "in {} of {}: {message}",
                        output.times,
                        crate::ui::format::count(
                            done.outputs.iter().map(|o| o.times as usize).sum(),
                            "guest run"
                        )
                    ),
                },
                note: None,
            });
        }
    }
    Ok(TrialResult {
        samples,
        histograms: Vec::new(),
        outcome: Outcome::Ok,
        note: done.stopped.clone(),
    })
}

fn failed(fault: Fault, stderr: String, samples: Vec<Sample>) -> Result<TrialResult, Fault> {
    match fault.kind() {
        None => Err(fault),
        Some(kind) => Ok(TrialResult {
            histograms: Vec::new(),
            samples,
            outcome: Outcome::Failed {
                kind,
                message: fault.to_string(),
                stderr,
            },
            note: None,
        }),
    }
}

/// Adds the adapter's standard error to a failure of its engine.
fn with_stderr(mut yielded: TrialResult, written: String) -> TrialResult {
    if let Outcome::Failed { stderr, .. } = &mut yielded.outcome {
        *stderr = written;
    }
    yielded
}
