//! Runs one question on one target: with a command line from its adapter, or by its adapter in a container.

use std::path::Path;
use std::time::Duration;

use plimsoll_adapter::protocol::{
    End, Grants, Launch, Prepare, Prepared, Probe, Probed, Reply, Request, Workload,
};
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Answer, FailureKind, TargetId};

use super::host::{Host, VARIABLE};
use super::judge::judge;
use super::questions::ReadyQuestion;
use crate::machine::interrupt::Interrupt;
use crate::process::supervised::{self, Bounds, Ending, MEMORY_BYTES, Ran, Stdin};
use crate::run::adapter::child::{AdapterChild, Fault, unexpected};

/// One question for one target.
#[derive(Debug)]
pub struct ProbeTrial<'a> {
    /// The adapter.
    pub program: &'a Path,
    /// The directory it is started in.
    pub directory: &'a Path,
    /// The target.
    pub target: &'a TargetId,
    /// Native process, WebAssembly engine or container.
    pub kind: TargetKind,
    /// The question.
    pub question: &'a ReadyQuestion,
    /// An existing directory for this trial alone.
    pub scratch: &'a Path,
    /// Time limit for the adapter to prepare.
    pub deadline: Duration,
}

/// A failure to find the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The kind to record.
    pub kind: FailureKind,
    /// The cause.
    pub message: String,
    /// The end of the adapter's or guest's standard error.
    pub stderr: String,
}

/// Finds the answer.
///
/// # Errors
/// Only [`Fault::Interrupted`]; any other failure is the reason for a missing answer.
pub fn run(
    trial: &ProbeTrial<'_>,
    interrupt: &Interrupt,
) -> Result<Result<(Answer, String), Lost>, Fault> {
    let lost = |kind, message: String| {
        Ok(Err(Lost {
            kind,
            message,
            stderr: String::new(),
        }))
    };
    let made = Host::new(trial.scratch).and_then(|host| {
        let args = host.filled(&trial.question.row.args, trial.kind)?;
        Ok((host, args))
    });
    let (host, args) = match made {
        Ok(made) => made,
        Err(error) => {
            return lost(
                FailureKind::Start,
                format!("preparing the files and the port that guests try to reach: {error}"),
            );
        }
    };
    let answered = match reply_of(trial, args, interrupt) {
        Err((Fault::Interrupted, _)) => return Err(Fault::Interrupted),
        Err((fault, stderr)) => {
            return Ok(Err(Lost {
                kind: fault.kind().unwrap_or(FailureKind::Start),
                message: fault.to_string(),
                stderr,
            }));
        }
        Ok(reply) => reply,
    };
    let ran = match answered {
        Reply::Unsupported { reason } => return Ok(Ok((Answer::Unsupported, reason))),
        Reply::Failed {
            message,
            out_of_memory,
        } => {
            let kind = match out_of_memory {
                true => FailureKind::OutOfMemory,
                false => FailureKind::Engine,
            };
            return lost(kind, message);
        }
        Reply::Probed(probed) => container(probed, trial.question.row.patience()),
        Reply::Probe(mut launch) => {
            launch.env.insert(VARIABLE.to_owned(), "here".to_owned());
            match process(&launch, trial, interrupt)? {
                Ok(ran) => ran,
                Err(message) => return lost(FailureKind::Start, message),
            }
        }
        other => {
            return lost(
                FailureKind::Protocol,
                unexpected(&other, "a probe").to_string(),
            );
        }
    };
    Ok(answer(trial, &host, ran))
}

/// The answer with its evidence, from the way in which the guest ended.
fn answer(trial: &ProbeTrial<'_>, host: &Host, ran: Ran) -> Result<(Answer, String), Lost> {
    let shown = |text: String| text.replace(&trial.scratch.display().to_string(), "SCRATCH");
    match judge(&trial.question.row, &ran, trial.kind) {
        Err(message) => Err(Lost {
            kind: FailureKind::Crashed,
            message: shown(message),
            stderr: ran.stderr,
        }),
        Ok((answer, evidence)) => {
            let mut evidence = shown(evidence);
            let creates = trial.question.row.args.iter().any(|arg| arg == "{new}");
            if answer == Answer::Granted && creates {
                evidence.push_str(match host.was_written() {
                    true => "; the file is on the host",
                    false => "; on the host there is no such file",
                });
            }
            Ok((answer, evidence))
        }
    }
}

/// The adapter's reply; a fault comes with its standard error.
///
/// A process without limits is started like any other, from the reply to `prepare`, so its adapter need not
/// know probes.
fn reply_of(
    trial: &ProbeTrial<'_>,
    args: Vec<String>,
    interrupt: &Interrupt,
) -> Result<Reply, (Fault, String)> {
    let question = trial.question;
    let workload = Workload {
        id: question.record.id.clone(),
        wasm: question.wasm.clone(),
        native: question.native.clone(),
        component: None,
        image: None,
        args,
        input: None,
        grants: Grants::default(),
    };
    let probe = Request::Probe(Probe {
        target: trial.target.clone(),
        workload: workload.clone(),
        scratch: trial.scratch.to_owned(),
        limits: question.row.limits.clone(),
        patience: question.row.patience().into(),
        memory_bytes: MEMORY_BYTES,
    });
    let plain = trial.kind != TargetKind::Container && question.row.limits.is_empty();
    let bare = |fault| (fault, String::new());
    let mut adapter =
        AdapterChild::start(trial.program, trial.directory, interrupt).map_err(bare)?;
    let limit = trial.deadline + question.row.patience();
    let said = adapter.hello(trial.deadline).and_then(|_| {
        let mut ask = |request: &Request| adapter.ask(request, "a probe", limit)?.reply();
        if !plain {
            return ask(&probe);
        }
        let prepare = Request::Prepare(Prepare {
            target: trial.target.clone(),
            workload,
            scratch: trial.scratch.to_owned(),
            portable: false,
        });
        match ask(&prepare)? {
            Reply::Prepared(Prepared {
                launch: Some(launch),
                ..
            }) if launch.container.is_none() => Ok(Reply::Probe(launch)),
            // Limits on the program that makes a container do not limit the guest in it.
            Reply::Prepared(Prepared {
                launch: Some(_), ..
            }) => ask(&probe),
            other => Ok(other),
        }
    });
    match said {
        Ok(reply) => {
            adapter.goodbye();
            Ok(reply)
        }
        Err(fault) => Err((fault, adapter.stderr())),
    }
}

fn process(
    launch: &Launch,
    trial: &ProbeTrial<'_>,
    interrupt: &Interrupt,
) -> Result<Result<Ran, String>, Fault> {
    let bounds = Bounds {
        patience: trial.question.row.patience(),
        memory_bytes: MEMORY_BYTES,
        stdin: Stdin::Empty,
    };
    match supervised::run(launch, bounds, interrupt) {
        Ok(Some(ran)) => Ok(Ok(ran)),
        Ok(None) => Err(Fault::Interrupted),
        Err(error) => Ok(Err(format!(
            "cannot run {}: {error}",
            launch.program.display()
        ))),
    }
}

fn container(probed: Probed, patience: Duration) -> Ran {
    Ran {
        end: match probed.end {
            End::Exited { code } => Ending::Exited(code),
            End::Killed { signal } => Ending::Killed(signal),
            End::OutOfMemory => Ending::OutOfMemory,
            End::StillRunning => Ending::Impatience(patience),
        },
        stdout: probed.stdout,
        stderr: probed.stderr,
    }
}
