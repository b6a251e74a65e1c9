//! Runs test scripts on one adapter, whatever it does.
//!
//! One adapter process runs script after script. If it dies, hangs, exceeds its memory limit or violates the
//! protocol, its current directive gets that verdict, and a new process runs the script without that
//! directive. So one bad directive costs one verdict.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_adapter::protocol::{Reply, Request, Script, Went};
use plimsoll_adapter::wast::forms::{Form, Legible, forms};
use plimsoll_adapter::wast::module::skip;
use plimsoll_record::conformance::{FailureMode, Group, Proposal, ScriptLine, Verdict};
use plimsoll_record::{FailureKind, TargetId};

use super::judge::judge;
use super::script::ScriptFile;
use crate::machine::interrupt::Interrupt;
use crate::run::adapter::child::{AdapterChild, Fault, unexpected};

/// After this number of losses in one script, the rest of its directives get the last verdict.
const LOSSES_BELIEVED: u32 = 5;
/// After this number of failed starts in a row, an adapter is not started again.
const FALSE_STARTS_BELIEVED: u32 = 3;
/// Maximum memory of an adapter that runs a script, bytes: more than the largest memory in a script, plus an
/// engine and its compiler.
pub const MEMORY_BYTES: u64 = 1 << 30;

/// One group of tests for one target.
#[derive(Debug)]
pub struct ScriptRequest<'a> {
    /// The adapter.
    pub program: &'a Path,
    /// The directory it is started in.
    pub directory: &'a Path,
    /// The target.
    pub target: &'a TargetId,
    /// The proposals that it claims to support.
    pub claims: &'a [Proposal],
    /// The group.
    pub group: &'a Group,
    /// Its scripts.
    pub scripts: &'a [ScriptFile],
    /// An existing directory for this trial alone.
    pub scratch: &'a Path,
    /// Time limit of one directive.
    pub deadline: Duration,
    /// Memory limit of the adapter, bytes.
    pub memory_bytes: u64,
    /// Index of the trial, and number of the attempt.
    pub trial: (u32, u32),
}

/// Runs the group; returns the results of every script.
///
/// # Errors
/// Only [`Fault::Interrupted`], and [`Fault::Start`] if a script cannot be written to the scratch directory.
/// The adapter's failures are recorded as verdicts.
pub fn run(request: &ScriptRequest<'_>, interrupt: &Interrupt) -> Result<Vec<ScriptLine>, Fault> {
    let mut driver = Driver {
        request,
        interrupt,
        adapter: None,
        false_starts: 0,
    };
    let unclaimed = request
        .group
        .proposal
        .filter(|proposal| !request.claims.contains(proposal));
    let mut lines = Vec::with_capacity(request.scripts.len());
    for script in request.scripts {
        let forms = forms(&script.text);
        let mut verdicts: Vec<Verdict> = match unclaimed {
            Some(proposal) => forms
                .iter()
                .map(|form| unsupported(form, proposal))
                .collect(),
            None => {
                let mut verdicts = driver.script(script, &forms)?;
                judge(&forms, &mut verdicts, request.claims);
                verdicts
            }
        };
        for (form, verdict) in forms.iter().zip(&mut verdicts) {
            let mut superseded = script.superseded.iter();
            if let Some(by) = superseded.find(|one| one.lines.contains(&form.line)) {
                *verdict = Verdict::Skipped {
                    reason: by.why.clone(),
                };
            }
        }
        let (trial, attempt) = request.trial;
        let at = forms.iter().map(|form| form.line);
        lines.push(ScriptLine::of(
            trial,
            attempt,
            &script.name,
            at.zip(verdicts),
        ));
    }
    if let Some(adapter) = driver.adapter {
        adapter.goodbye();
    }
    Ok(lines)
}

/// The proposals that a target claims to support.
///
/// # Errors
/// [`Fault`].
pub fn claims(
    program: &Path,
    directory: &Path,
    target: &TargetId,
    limit: Duration,
    interrupt: &Interrupt,
) -> Result<Vec<Proposal>, Fault> {
    let claims = AdapterChild::once((program, directory), limit, interrupt, |adapter, _| {
        adapter.claims(target, limit)
    });
    claims.map(|(claims, _)| claims).map_err(|(fault, _)| fault)
}

fn unsupported(form: &Form<'_>, proposal: Proposal) -> Verdict {
    match skip(form) {
        Some(reason) => Verdict::Skipped { reason },
        None => Verdict::Unsupported {
            reason: format!("the target does not claim {proposal}"),
        },
    }
}

struct Driver<'a> {
    request: &'a ScriptRequest<'a>,
    interrupt: &'a Interrupt,
    adapter: Option<AdapterChild>,
    false_starts: u32,
}

impl Driver<'_> {
    fn script(&mut self, script: &ScriptFile, forms: &[Form<'_>]) -> Result<Vec<Verdict>, Fault> {
        let path = self.written(script).map_err(|error| Fault::Start {
            program: format!("with the script {}", script.name),
            message: error.to_string(),
        })?;
        let mut verdicts = Vec::with_capacity(forms.len());
        let mut without = Vec::new();
        let mut losses = 0;
        let mut last = None;
        while verdicts.len() < forms.len() {
            if let Some((how, message)) = &last
                && (losses >= LOSSES_BELIEVED || self.false_starts >= FALSE_STARTS_BELIEVED)
            {
                let message = format!("not tried any more: {message}");
                verdicts.extend(forms[verdicts.len()..].iter().map(|form| {
                    fixed_verdict(form).unwrap_or(Verdict::Found {
                        how: *how,
                        message: message.clone(),
                    })
                }));
                break;
            }
            let request = Script {
                target: self.request.target.clone(),
                features: self.request.group.features.clone(),
                script: path.clone(),
                from: verdicts.len() as u32,
                without: without.clone(),
            };
            let Err((fault, said)) = self.put(request, forms, &mut verdicts) else {
                continue;
            };
            let Some(kind) = fault.kind() else {
                return Err(fault);
            };
            let how = match kind {
                FailureKind::Deadline => FailureMode::Timeout,
                FailureKind::Protocol | FailureKind::Engine => FailureMode::Failed,
                FailureKind::Start | FailureKind::Crashed | FailureKind::OutOfMemory => {
                    FailureMode::Crashed
                }
            };
            let message = match said.trim().lines().last() {
                Some(last) => format!("{fault} (stderr: {last})"),
                None => fault.to_string(),
            };
            losses += 1;
            last = Some((how, message.clone()));
            // The current directive, or the last one if the process was lost after it.
            let at = verdicts.len().min(forms.len() - 1);
            without.push(at as u32);
            verdicts.truncate(at);
            verdicts.push(fixed_verdict(&forms[at]).unwrap_or(Verdict::Found { how, message }));
        }
        Ok(verdicts)
    }

    /// Sends a script to the adapter, and starts it first if necessary. Appends results to `verdicts` as they
    /// arrive. A fault comes with the adapter's standard error.
    fn put(
        &mut self,
        request: Script,
        forms: &[Form<'_>],
        verdicts: &mut Vec<Verdict>,
    ) -> Result<(), (Fault, String)> {
        let mut adapter = match self.adapter.take() {
            Some(adapter) => adapter,
            None => self.started()?,
        };
        match converse(
            &mut adapter,
            request,
            forms,
            verdicts,
            self.request.deadline,
        ) {
            Ok(()) => {
                self.adapter = Some(adapter);
                Ok(())
            }
            Err(fault) => Err((fault, adapter.stderr())),
        }
    }

    fn started(&mut self) -> Result<AdapterChild, (Fault, String)> {
        let request = self.request;
        let started = AdapterChild::start(request.program, request.directory, self.interrupt)
            .map_err(|fault| (fault, String::new()))
            .and_then(|mut adapter| match adapter.hello(request.deadline) {
                Ok(_) => Ok(adapter),
                Err(fault) => Err((fault, adapter.stderr())),
            });
        match started {
            Ok(mut adapter) => {
                adapter.limit_memory(request.memory_bytes);
                self.false_starts = 0;
                Ok(adapter)
            }
            Err(fault) => {
                self.false_starts += 1;
                Err(fault)
            }
        }
    }

    fn written(&self, script: &ScriptFile) -> io::Result<PathBuf> {
        let path = self.request.scratch.join(&script.name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, &script.text)?;
        Ok(path)
    }
}

fn converse(
    adapter: &mut AdapterChild,
    request: Script,
    forms: &[Form<'_>],
    verdicts: &mut Vec<Verdict>,
    deadline: Duration,
) -> Result<(), Fault> {
    let mut exchange = adapter.ask(&Request::Script(request), "a directive", deadline)?;
    loop {
        match exchange.next_reply()? {
            Reply::Directive(said) => {
                let next = verdicts.len();
                match forms.get(next) {
                    Some(form) if said.index as usize == next => {
                        verdicts.push(verdict(form, said.went));
                    }
                    _ => {
                        return Err(Fault::Protocol(format!(
                            "a verdict on directive {}, the next is {next} of {}",
                            said.index,
                            forms.len()
                        )));
                    }
                }
            }
            Reply::Scripted { .. } if verdicts.len() == forms.len() => return Ok(()),
            Reply::Scripted { directives } => {
                return Err(Fault::Protocol(format!(
                    "the end of a script of {directives} directives after {} of {}",
                    verdicts.len(),
                    forms.len()
                )));
            }
            // For a whole script this means that the engine cannot be created: all its directives are
            // unsupported.
            Reply::Unsupported { reason } => {
                let rest = &forms[verdicts.len()..];
                verdicts.extend(rest.iter().map(|form| {
                    fixed_verdict(form).unwrap_or_else(|| Verdict::Unsupported {
                        reason: reason.clone(),
                    })
                }));
                return Ok(());
            }
            Reply::Failed { message, .. } => {
                let rest = &forms[verdicts.len()..];
                verdicts.extend(rest.iter().map(|form| {
                    fixed_verdict(form).unwrap_or_else(|| Verdict::Found {
                        how: FailureMode::Failed,
                        message: message.clone(),
                    })
                }));
                return Ok(());
            }
            other => return Err(unexpected(&other, "a script")),
        }
    }
}

/// The verdict of a directive that is skipped on every engine; `None` for all others.
fn fixed_verdict(form: &Form<'_>) -> Option<Verdict> {
    skip(form).map(|reason| Verdict::Skipped { reason })
}

/// Starts of directives that are hardly ever skipped, so that results for them need no further check.
const ASKED: &[&str] = &[
    "(assert_return",
    "(assert_trap",
    "(assert_exhaustion",
    "(assert_exception",
    "(assert_unlinkable",
    "(invoke",
    "(register",
    "(module",
];

/// Turns an adapter's result into a verdict. Skips are decided here, so that all engines have the same
/// denominators.
fn verdict(form: &Form<'_>, went: Went) -> Verdict {
    let request = ASKED.iter().any(|start| form.text.starts_with(start));
    let believed = request && form.legible == Legible::Yes && !matches!(went, Went::Skipped { .. });
    if let (false, Some(verdict)) = (believed, fixed_verdict(form)) {
        return verdict;
    }
    match went {
        Went::Passed { differs } => Verdict::Passed { differs },
        Went::Failed { message } => Verdict::Found {
            how: FailureMode::Failed,
            message,
        },
        Went::Skipped { reason } => Verdict::Found {
            how: FailureMode::Failed,
            message: format!("the adapter skipped it: {reason}"),
        },
    }
}
