//! Stdin to [`Adapter`] to stdout, whatever the engine does in between.
//!
//! Descriptors 0 and 1 are taken away before the engine is touched: an engine or guest that
//! prints to stdout reaches stderr, and one that reads stdin finds it empty. A panic becomes a
//! failed reply. Requests that no adapter needs to see (an unknown target, a step that was not
//! claimed, a target that cannot run here) are answered here, in the same words for all.

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

/// Why no hostile guest is put into a container that a launched program makes.
pub const NOT_BOUNDED: &str =
    "nothing here bounds a guest in its containers: no hostile one is put there";

/// A program that drives one engine, as `bench` sees it.
pub trait Adapter {
    /// Who this is and what it can do. Asked once a process, before anything else.
    fn hello(&mut self) -> Hello;

    /// Makes a pair ready, untimed. The target is one of [`Adapter::hello`]'s, and available.
    ///
    /// # Errors
    ///
    /// What the engine says, with what was tried.
    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error>;

    /// Measures one step, giving samples as they are taken. The target is one of
    /// [`Adapter::hello`]'s, available, and claims the step.
    ///
    /// # Errors
    ///
    /// What the engine says, with what was tried; a guest's trap is an error too.
    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error>;

    /// Serves a pair over HTTP, or says how that is done. The target is one of
    /// [`Adapter::hello`]'s, available, and claims a step that serves.
    ///
    /// # Errors
    ///
    /// What the engine says, with what was tried. An adapter that has no such thing says
    /// unsupported.
    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        Err(Error::Unsupported(format!(
            "{} does not serve over HTTP",
            request.target
        )))
    }

    /// Which proposals a target has, by its own account; asked of targets that claim the step
    /// `conformance`.
    fn claims(&mut self, _target: &TargetId) -> Vec<Proposal> {
        Vec::new()
    }

    /// The programs and libraries that take part in a target's trials, but for the adapter itself: the
    /// engine's library, a runner, a loader, a container runtime, an image's base.
    ///
    /// # Errors
    ///
    /// When one of them cannot be read.
    fn programs(&mut self, _target: &TargetId) -> Result<Vec<ProgramRecord>, Error> {
        Ok(Vec::new())
    }

    /// Carries out one of the specification's scripts, giving what became of each directive before
    /// the next is begun, and how many there are. The target is one of [`Adapter::hello`]'s,
    /// available, and claims the step `conformance`. The kit's `wast::run` does it (feature
    /// `wast`).
    ///
    /// # Errors
    ///
    /// When the engine cannot be made, or the script cannot be read.
    fn script(&mut self, request: &Script, _went: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        Err(Error::Unsupported(format!(
            "{} does not carry out the specification's scripts",
            request.target
        )))
    }

    /// Runs a hostile guest under limits, or says how: asked of targets that are processes or
    /// containers. As given here it is the launch of [`Adapter::prepare`], and there are no limits.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a limit that is not set here.
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
        // Whatever bounds the program that makes a container does not bound the guest in it.
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

    /// Ends what [`Adapter::serve`] began, if anything.
    ///
    /// # Errors
    ///
    /// What the engine says, with what was tried.
    fn stop(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// What [`Adapter::serve`] came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// This command line serves.
    By(Launch),
    /// It is being served at this address.
    At(SocketAddr),
}

/// What [`Adapter::probe`] came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probing {
    /// This command line runs the guest.
    By(Launch),
    /// It has been run.
    Ran(Probed),
}

/// The whole life of an adapter's process: takes stdin and stdout, makes the adapter, serves
/// until stdin ends.
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
        // `bench` closed its end: it is gone or has given this trial up.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("speaking to bench over stdin and stdout: {error}");
            ExitCode::from(3)
        }
    }
}

/// Takes descriptors 0 and 1 away from whatever runs later in this process.
fn take_stdio() -> io::Result<(BufReader<File>, File)> {
    let input = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?);
    let output = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok((BufReader::new(input), output))
}

/// Answers every line of `input` on `output` until `input` ends.
///
/// # Errors
///
/// When one of the two fails; what the adapter meets is a reply, not an error.
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
                // A target can have no more of it than that it can be started.
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

/// Writes replies, a line each, and keeps the first failure: an adapter in the middle of a
/// measurement has no use for it.
struct Replies<W> {
    output: W,
    broken: Option<io::Error>,
}

impl<W: Write> Replies<W> {
    fn write(&mut self, reply: &Reply) {
        if self.broken.is_some() {
            return;
        }
        // One write a line, so that a line is never torn by a kill between two writes.
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
