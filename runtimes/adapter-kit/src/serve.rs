//! The request loop of an adapter: reads stdin, calls the [`Adapter`], writes stdout.
//!
//! Descriptors 0 and 1 are replaced before the engine starts: an engine or guest that prints to stdout reaches stderr,
//! and stdin is empty. A panic becomes a failed reply. Requests for an unknown or unavailable target or an unclaimed
//! step are answered here, with the same message for all adapters.

use std::any::Any;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use plimsoll_record::run::ProgramRecord;
use plimsoll_record::{Proposal, Step, TargetId};

use crate::Error;
use crate::programs;
use crate::protocol::{
    Availability, Directive, Done, Hello, Instances, Launch, Measure, PROTOCOL, Prepare, Prepared,
    Probe, Probed, Reply, Request, Sample, Script, Serve, Target,
};

/// Why a container made by a launched program gets no hostile guest.
pub const NOT_BOUNDED: &str =
    "nothing here bounds a guest in its containers: no hostile one is put there";

/// An adapter for one engine, as `bench` sees it.
pub trait Adapter {
    /// Name, versions and targets of the adapter. Called once per process, before anything else.
    fn hello(&mut self) -> Hello;

    /// Prepares a pair, untimed. The target is one of [`Adapter::hello`]'s and available.
    ///
    /// # Errors
    ///
    /// The engine's error, with what was tried.
    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error>;

    /// Measures one step, reporting samples. The target is one of [`Adapter::hello`]'s, available, and claims the step.
    ///
    /// # Errors
    ///
    /// The engine's error, with what was tried; a guest trap is also an error.
    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error>;

    /// Serves a pair over HTTP, or returns a command line that does. The target is one of [`Adapter::hello`]'s,
    /// available, and claims a serving step.
    ///
    /// # Errors
    ///
    /// The engine's error, with what was tried; [`Error::Unsupported`] if the adapter has no server.
    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        Err(Error::Unsupported(format!(
            "{} does not serve over HTTP",
            request.target
        )))
    }

    /// The proposals that the engine claims to support; called only for targets with the step `conformance`.
    fn claims(&mut self, _target: &TargetId) -> Vec<Proposal> {
        Vec::new()
    }

    /// The programs and libraries that take part in a target's trials, except the adapter itself: the engine's library,
    /// a runner, a loader, a container runtime, an image's base.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read.
    fn programs(&mut self, _target: &TargetId) -> Result<Vec<ProgramRecord>, Error> {
        Ok(Vec::new())
    }

    /// Runs one of the specification's test scripts and returns its number of directives. Each directive's result is
    /// reported before the next one starts. The target is one of [`Adapter::hello`]'s, available, and claims the step
    /// `conformance`. Implement it with the kit's `wast::run` (feature `wast`).
    ///
    /// # Errors
    ///
    /// If the engine cannot be created or the script cannot be read.
    fn script(&mut self, request: &Script, _went: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        Err(Error::Unsupported(format!(
            "{} does not carry out the specification's scripts",
            request.target
        )))
    }

    /// Runs a hostile guest under limits, or returns a command line that does; called for targets that are processes or
    /// containers. The default is the launch of [`Adapter::prepare`], without limits.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a limit that this adapter does not set.
    fn probe(&mut self, request: &Probe) -> Result<Probing, Error> {
        if let Some(limit) = request.limits.first() {
            return Err(Error::Unsupported(format!(
                "its adapter cannot hold it to {limit}"
            )));
        }
        let prepared = self.prepare(&Prepare {
            target: request.target.clone(),
            workload: request.workload.clone(),
            scratch: request.scratch.clone(),
            portable: false,
        })?;
        // Limits on a program that creates a container do not apply to the guest in it.
        if prepared
            .launch
            .as_ref()
            .is_some_and(|launch| launch.container.is_some())
        {
            return Err(Error::Unsupported(NOT_BOUNDED.to_owned()));
        }
        let launch = prepared.launch.map(Probing::By);
        launch.ok_or_else(|| Error::Unsupported(format!("{} is no process", request.target)))
    }

    /// Stops what [`Adapter::serve`] started, if anything.
    ///
    /// # Errors
    ///
    /// The engine's error, with what was tried.
    fn stop(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Result of [`Adapter::serve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// A command line that starts the server.
    By(Launch),
    /// The server's address; the adapter started it.
    At(SocketAddr),
}

/// Result of [`Adapter::probe`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probing {
    /// A command line that runs the guest.
    By(Launch),
    /// The result; the adapter ran the guest.
    Ran(Probed),
}

/// Runs an adapter's process: takes over stdin and stdout, creates the adapter, and serves until end of file on stdin.
pub fn main<A: Adapter>(adapter: impl FnOnce() -> A) -> ExitCode {
    if std::env::args_os().len() > 1 {
        eprintln!(
            "this is an adapter: `bench` starts it without arguments and writes protocol \
             requests, JSON, one a line, to its stdin; try: echo '{{\"request\":\"hello\"}}' | {}",
            std::env::args().next().unwrap_or_default()
        );
        return ExitCode::from(2);
    }
    match take_stdio().and_then(|(input, output)| serve(adapter(), input, output)) {
        Ok(()) => ExitCode::SUCCESS,
        // `bench` closed its end: it exited or abandoned this trial.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("speaking to bench over stdin and stdout: {error}");
            ExitCode::from(3)
        }
    }
}

/// Moves descriptors 0 and 1 out of reach of code that runs later in this process.
fn take_stdio() -> io::Result<(BufReader<File>, File)> {
    let input = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?);
    let output = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok((BufReader::new(input), output))
}

/// Answers every line of `input` on `output` until end of file.
///
/// # Errors
///
/// If reading or writing fails. Errors of the adapter become replies.
pub fn serve<A: Adapter>(
    mut adapter: A,
    mut input: impl BufRead,
    output: impl Write,
) -> io::Result<()> {
    let mut replies = Replies {
        output,
        broken: None,
    };
    let mut hello = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let closing = match serde_json::from_slice(&line) {
            Err(error) => Reply::Failed {
                message: format!("the request is not of protocol {PROTOCOL}: {error}"),
                out_of_memory: false,
            },
            Ok(request) => catch_unwind(AssertUnwindSafe(|| {
                let hello = hello.get_or_insert_with(|| adapter.hello());
                answer(&mut adapter, hello, &request, &mut replies)
            }))
            .unwrap_or_else(|panic| Reply::Failed {
                message: format!("the adapter panicked: {}", panic_message(&*panic)),
                out_of_memory: false,
            }),
        };
        replies.write(&closing);
        if let Some(error) = replies.broken.take() {
            return Err(error);
        }
    }
}

fn answer<A: Adapter>(
    adapter: &mut A,
    hello: &Hello,
    request: &Request,
    replies: &mut Replies<impl Write>,
) -> Reply {
    let outcome = match request {
        Request::Hello => Ok(Reply::Hello(hello.clone())),
        Request::Prepare(prepare) => available(hello, &prepare.target)
            .and_then(|_| adapter.prepare(prepare))
            .map(Reply::Prepared),
        Request::Measure(measure) => available(hello, &measure.target)
            .and_then(|target| claimed(target, measure.step))
            .and_then(|()| {
                adapter.measure(measure, &mut |sample| replies.write(&Reply::Sample(sample)))
            })
            .map(Reply::Done),
        Request::Serve(serve) => available(hello, &serve.target)
            .and_then(|target| match serve.instances {
                // A target may support `first-response` without the other serving steps.
                _ if target.steps.contains(&Step::FirstResponse) => Ok(()),
                Instances::Kept => claimed(target, Step::Serve),
                Instances::Fresh => claimed(target, Step::ServeFresh),
            })
            .and_then(|()| adapter.serve(serve))
            .map(|served| match served {
                Served::By(launch) => Reply::Server(launch),
                Served::At(address) => Reply::Serving {
                    address: address.to_string(),
                },
            }),
        Request::Claims { target } => available(hello, target)
            .and_then(|found| claimed(found, Step::Conformance))
            .map(|()| Reply::Claims {
                proposals: adapter.claims(target),
            }),
        Request::Programs { target } => available(hello, target)
            .and_then(|_| Ok((programs::this_adapter()?, adapter.programs(target)?)))
            .map(|(own, mut programs)| {
                programs.insert(0, own);
                Reply::Programs { programs }
            }),
        Request::Script(script) => available(hello, &script.target)
            .and_then(|target| claimed(target, Step::Conformance))
            .and_then(|()| {
                adapter.script(script, &mut |went| replies.write(&Reply::Directive(went)))
            })
            .map(|directives| Reply::Scripted { directives }),
        Request::Probe(probe) => available(hello, &probe.target)
            .and_then(|target| claimed(target, Step::Process))
            .and_then(|()| adapter.probe(probe))
            .map(|probing| match probing {
                Probing::By(launch) => Reply::Probe(launch),
                Probing::Ran(probed) => Reply::Probed(probed),
            }),
        Request::Stop => adapter.stop().map(|()| Reply::Stopped),
    };
    outcome.unwrap_or_else(Reply::from)
}

fn available<'h>(hello: &'h Hello, id: &TargetId) -> Result<&'h Target, Error> {
    let Some(target) = hello.targets.iter().find(|target| target.id == *id) else {
        let known: Vec<_> = hello.targets.iter().map(|t| t.id.as_str()).collect();
        return Err(Error::Failed(format!(
            "no target {id} here; this adapter drives {}",
            known.join(", ")
        )));
    };
    match &target.availability {
        Availability::Available => Ok(target),
        Availability::Unavailable { reason, remedy } => Err(Error::Failed(format!(
            "{id} cannot run here: {reason}; {remedy}"
        ))),
    }
}

fn claimed(target: &Target, step: Step) -> Result<(), Error> {
    if target.steps.contains(&step) {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "{} does not do the step {step}",
        target.id
    )))
}

/// Writes one reply per line. The first write error is kept until the request is done, because an adapter in the middle
/// of a measurement cannot handle it.
struct Replies<W> {
    output: W,
    broken: Option<io::Error>,
}

impl<W: Write> Replies<W> {
    fn write(&mut self, reply: &Reply) {
        if self.broken.is_some() {
            return;
        }
        // One write per line, so that a kill cannot leave a partial line.
        let written = serde_json::to_vec(reply)
            .map_err(io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                self.output.write_all(&line)?;
                self.output.flush()
            });
        self.broken = written.err();
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
