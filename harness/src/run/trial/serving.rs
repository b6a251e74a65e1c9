//! Measures a server under load and its first response: boundaries `request`, `fresh-request`,
//! `first-response`.
//!
//! For a process, the adapter returns a command line and `bench` starts and ends the server. A container is
//! started and stopped by its adapter, which returns the address.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_adapter::protocol::{Prepare, Reply, Request, Sample, Serve};
use plimsoll_record::run::Load;
use plimsoll_record::{Boundary, Clock, FailureKind, Metric, Nanoseconds, Outcome, Step};

use super::server::{self, Server, StartError};
use super::{Histogram, TrialResult};
use crate::machine::interrupt::Interrupt;
use crate::run::adapter::child::{AdapterChild, Fault, unexpected};
use crate::run::load::measured::encoded;
use crate::run::load::verdict::{ADDED, Verdict, judge};
use crate::run::load::{Ended, Exchange, Measured, Watch, sweep};

/// The parameters of a trial.
#[derive(Debug, Clone, Copy)]
pub struct ServingTrial<'a> {
    /// The adapter's executable.
    pub adapter: &'a Path,
    /// The directory it is started in.
    pub directory: &'a Path,
    /// Request before `serve`, untimed: an image exists only as long as the adapter process that made it.
    pub prepare: Option<&'a Prepare>,
    /// The request for the server.
    pub serve: &'a Serve,
    /// The step.
    pub step: Step,
    /// The load.
    pub load: &'a Load,
    /// The requests and expected responses.
    pub exchanges: &'a [Exchange],
    /// Time limit for accepting connections, and for the first response.
    pub deadline: Duration,
    /// Checked in every wait.
    pub interrupt: &'a Interrupt,
}

/// A running server.
enum Serving {
    Process(Server),
    /// A container, run by the adapter.
    Adapter {
        adapter: AdapterChild,
        address: SocketAddr,
    },
}

/// Why no server runs.
enum NotServing {
    Outcome(Outcome),
    Fault(Fault, String),
}

/// Runs the trial.
///
/// # Errors
/// Only [`Fault::Interrupted`]; any other failure is the trial's outcome.
pub fn run(trial: &ServingTrial<'_>) -> Result<TrialResult, Fault> {
    run_after(trial, || Ok(()))
}

/// As [`run`], with `ready` called once the server accepts connections, before the load.
///
/// # Errors
/// As [`run`].
pub fn run_after(
    trial: &ServingTrial<'_>,
    ready: impl FnOnce() -> std::io::Result<()>,
) -> Result<TrialResult, Fault> {
    let (mut serving, begun) = match begin(trial) {
        Ok(begun) => begun,
        Err(NotServing::Outcome(outcome)) => return Ok(TrialResult::nothing(outcome)),
        Err(NotServing::Fault(fault, stderr)) => {
            return match fault.kind() {
                None => Err(fault),
                Some(kind) => Ok(TrialResult::nothing(Outcome::Failed {
                    kind,
                    message: fault.to_string(),
                    stderr,
                })),
            };
        }
    };
    let yielded = match trial.step {
        Step::FirstResponse => zero(trial, &mut serving, begun),
        _ => match ready() {
            Ok(()) => load(trial, &mut serving)?,
            Err(error) => TrialResult::nothing(Outcome::Failed {
                kind: FailureKind::Start,
                message: format!("before the load: {error}"),
                stderr: String::new(),
            }),
        },
    };
    serving.end(trial.deadline);
    Ok(yielded)
}

/// Starts the server; returns when the clock of `first-response` started.
fn begin(trial: &ServingTrial<'_>) -> Result<(Serving, Instant), NotServing> {
    let mut adapter = AdapterChild::start(trial.adapter, trial.directory, trial.interrupt)
        .map_err(|fault| NotServing::Fault(fault, String::new()))?;
    let reply = ask(&mut adapter, trial);
    let stderr = adapter.stderr();
    let (reply, begun) = reply.map_err(|fault| NotServing::Fault(fault, stderr.clone()))?;
    match reply {
        Reply::Serving { address } => match address.parse() {
            Ok(address) => Ok((Serving::Adapter { adapter, address }, begun)),
            Err(_) => {
                let fault = Fault::Protocol(format!("{address:?} is no address"));
                Err(NotServing::Fault(fault, stderr))
            }
        },
        Reply::Server(launch) => {
            adapter.goodbye();
            let started = server::prepare(&launch).and_then(|spawn| {
                let begun = Instant::now();
                let server = server::start(&launch, spawn, trial.deadline, trial.interrupt)?;
                Ok((Serving::Process(server), begun))
            });
            started.map_err(not_started)
        }
        Reply::Unsupported { reason } => Err(NotServing::Outcome(Outcome::Unsupported { reason })),
        Reply::Failed {
            message,
            out_of_memory,
        } => Err(NotServing::Outcome(Outcome::Failed {
            kind: match out_of_memory {
                true => FailureKind::OutOfMemory,
                false => FailureKind::Engine,
            },
            message,
            stderr,
        })),
        other => Err(NotServing::Fault(unexpected(&other, "serve"), stderr)),
    }
}

fn ask(adapter: &mut AdapterChild, trial: &ServingTrial<'_>) -> Result<(Reply, Instant), Fault> {
    adapter.hello(trial.deadline)?;
    if let Some(prepare) = trial.prepare {
        let request = Request::Prepare(prepare.clone());
        let reply = adapter.ask(&request, "prepare", trial.deadline)?.reply()?;
        if !matches!(reply, Reply::Prepared(_)) {
            return Ok((reply, Instant::now()));
        }
    }
    let request = Request::Serve(trial.serve.clone());
    let begun = Instant::now();
    let reply = adapter.ask(&request, "serve", trial.deadline)?.reply()?;
    Ok((reply, begun))
}

fn not_started(error: StartError) -> NotServing {
    let message = error.to_string();
    let (kind, stderr) = match error {
        StartError::Interrupted => {
            return NotServing::Fault(Fault::Interrupted, String::new());
        }
        StartError::Start { .. } => (FailureKind::Start, String::new()),
        StartError::Ended { stderr, .. } => (FailureKind::Crashed, stderr),
        StartError::Deadline(_) => (FailureKind::Deadline, String::new()),
        StartError::Nonsense(_) => (FailureKind::Protocol, String::new()),
    };
    NotServing::Outcome(Outcome::Failed {
        kind,
        message,
        stderr,
    })
}

impl Serving {
    fn address(&self) -> SocketAddr {
        match self {
            Serving::Process(server) => server.address,
            Serving::Adapter { address, .. } => *address,
        }
    }

    /// Ends the server and ignores how it ended.
    fn end(self, deadline: Duration) {
        match self {
            Serving::Process(mut server) => drop(server.end()),
            Serving::Adapter { mut adapter, .. } => {
                let stopped = adapter
                    .ask(&Request::Stop, "stop", deadline)
                    .and_then(|mut exchange| exchange.reply());
                if matches!(stopped, Ok(Reply::Stopped)) {
                    adapter.goodbye();
                }
            }
        }
    }
}

/// Measures the first response; the clock started before the server did.
fn zero(trial: &ServingTrial<'_>, serving: &mut Serving, begun: Instant) -> TrialResult {
    let Some(exchange) = trial.exchanges.first() else {
        return TrialResult::nothing(Outcome::Unsupported {
            reason: "the workload has no request to send".to_owned(),
        });
    };
    let answered = once(serving.address(), exchange, trial.deadline);
    let took = begun.elapsed();
    match answered {
        Ok(Verdict::Right) => TrialResult {
            samples: vec![Sample {
                boundary: Boundary::FirstResponse,
                metric: Metric::WallTime,
                iteration: 0,
                at: None,
                value: Nanoseconds::from(took).0,
            }],
            histograms: Vec::new(),
            outcome: Outcome::Ok,
            note: None,
        },
        Ok(Verdict::Wrong(how)) => TrialResult::nothing(Outcome::WrongOutput {
            message: format!("the first response: {how}"),
        }),
        Ok(Verdict::Partial) => TrialResult::nothing(Outcome::WrongOutput {
            message: format!(
                "the first response ended before the {} bytes that are expected",
                exchange.response.len()
            ),
        }),
        Err(error) => TrialResult::nothing(Outcome::Failed {
            kind: FailureKind::Crashed,
            message: format!("asking for the first response: {error}"),
            stderr: serving.stderr(),
        }),
    }
}

/// Sends one request on its own connection, and reads until there is a verdict.
fn once(address: SocketAddr, exchange: &Exchange, limit: Duration) -> std::io::Result<Verdict> {
    let mut connection = TcpStream::connect_timeout(&address, limit)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(limit))?;
    connection.write_all(&exchange.request)?;
    let mut response = vec![0; exchange.response.len() + ADDED];
    let mut filled = 0;
    loop {
        let read = connection.read(&mut response[filled..])?;
        filled += read;
        match judge(&response[..filled], &exchange.response) {
            Verdict::Partial if read > 0 => {}
            verdict => return Ok(verdict),
        }
    }
}

/// Runs the sweep over all rates.
fn load(trial: &ServingTrial<'_>, serving: &mut Serving) -> Result<TrialResult, Fault> {
    let address = serving.address();
    let server = match serving {
        Serving::Process(server) => {
            server.drain();
            Some(server.exit())
        }
        Serving::Adapter { .. } => None,
    };
    let watch = Watch {
        interrupt: Some(trial.interrupt.as_fd()),
        server,
    };
    let swept = sweep::sweep(trial.load, address, trial.exchanges, watch);
    let measured = match swept {
        Ok(measured) => measured,
        Err(error) => {
            return Ok(TrialResult::nothing(Outcome::Failed {
                kind: FailureKind::Crashed,
                message: format!(
                    "connecting to the server: {error}{}",
                    serving.how_it_ended()
                ),
                stderr: serving.stderr(),
            }));
        }
    };
    if measured.iter().any(|one| one.ended == Ended::Interrupted) {
        return Err(Fault::Interrupted);
    }
    let boundary = match trial.step {
        Step::ServeFresh => Boundary::FreshRequest,
        Step::Beside => Boundary::Beside,
        Step::BesideLimited => Boundary::BesideLimited,
        _ => Boundary::Request,
    };
    Ok(TrialResult {
        samples: measured
            .iter()
            .flat_map(|one| samples(boundary, one))
            .collect(),
        histograms: measured
            .iter()
            .flat_map(|one| histograms(boundary, one))
            .collect(),
        outcome: outcome(&measured, serving),
        note: None,
    })
}

impl Serving {
    fn stderr(&self) -> String {
        match self {
            Serving::Process(server) => server.stderr(),
            Serving::Adapter { adapter, .. } => adapter.stderr(),
        }
    }

    /// `; the server was killed by signal 9 (SIGKILL)`, of a process.
    fn how_it_ended(&mut self) -> String {
        match self {
            Serving::Process(server) => format!("; the server {}", server.end()),
            Serving::Adapter { .. } => String::new(),
        }
    }
}

fn outcome(measured: &[Measured], serving: &mut Serving) -> Outcome {
    for one in measured {
        if let Some(wrong) = &one.wrong {
            return Outcome::WrongOutput {
                message: format!("under {} requests per second: {wrong}", one.rate),
            };
        }
        if let Ended::ServerGone(why) = &one.ended {
            let answered: u64 = measured.iter().map(|one| one.answered).sum();
            return Outcome::Failed {
                kind: FailureKind::Crashed,
                message: format!(
                    "the server went away under {} requests per second, after {answered} answers: \
                     {why}{}",
                    one.rate,
                    serving.how_it_ended()
                ),
                stderr: serving.stderr(),
            };
        }
    }
    Outcome::Ok
}

fn samples(boundary: Boundary, measured: &Measured) -> [Sample; 3] {
    let sample = |metric, value| Sample {
        boundary,
        metric,
        iteration: 0,
        at: Some(measured.rate),
        value,
    };
    [
        sample(Metric::AchievedRate, measured.achieved().round() as u64),
        sample(Metric::Errors, measured.errors),
        sample(Metric::Timeouts, measured.timeouts),
    ]
}

fn histograms(boundary: Boundary, measured: &Measured) -> Vec<Histogram> {
    let whole = [
        (Clock::Due, None, &measured.latency),
        (Clock::Sent, None, &measured.service),
    ];
    let seconds = (0..).zip(&measured.seconds);
    let seconds = seconds.map(|(second, one)| (Clock::Due, Some(second), one));
    whole
        .into_iter()
        .chain(seconds)
        .filter(|(_, _, histogram)| !histogram.is_empty())
        .filter_map(|(clock, second, histogram)| {
            Some(Histogram {
                boundary,
                clock,
                at: measured.rate,
                second,
                v2: encoded(histogram).ok()?,
            })
        })
        .collect()
}
