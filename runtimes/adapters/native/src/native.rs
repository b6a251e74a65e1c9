//! The target `native`, its fairness ledger and its command line.

use std::collections::BTreeMap;
use std::fs;

use plimsoll_adapter::protocol::{
    Artefact, Availability, Done, Hello, Instances, Launch, Measure, PROTOCOL, Prepare, Prepared,
    Sample, Serve, Target,
};
use plimsoll_adapter::record::Step;
use plimsoll_adapter::record::run::TargetKind;
use plimsoll_adapter::{Adapter, Error, Served, native, stopwatch_client};
use plimsoll_stopwatch::{Amount, Program, watch};

/// Target `native`.
pub(crate) struct Native;

impl Adapter for Native {
    fn hello(&mut self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-native ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "native".to_owned(),
            engine_version: "none: the kernel runs the program".to_owned(),
            targets: vec![Target {
                id: "native".into(),
                kind: TargetKind::Native,
                availability: Availability::Available,
                steps: vec![
                    Step::Process,
                    Step::Deploy,
                    Step::Execute,
                    Step::Count,
                    Step::Serve,
                    Step::FirstResponse,
                ],
                configuration: configuration(),
                programs: Vec::new(),
            }],
        }
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let program = native::require(&request.workload)?;
        let metadata = fs::metadata(program)
            .map_err(|error| Error::failed(format!("looking at {}", program.display()), error))?;
        Ok(Prepared {
            launch: Some(Launch {
                program: program.to_owned(),
                args: request.workload.args.clone(),
                env: request.workload.grants.env.clone(),
                // Without input, the pair's scratch directory is the working directory.
                directory: request
                    .workload
                    .input
                    .clone()
                    .unwrap_or_else(|| request.scratch.clone()),
                artefact: program.to_owned(),
                container: None,
            }),
            artefacts: vec![Artefact {
                role: "binary".to_owned(),
                bytes: metadata.len(),
            }],
        })
    }

    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        if request.step != Step::Execute {
            return Err(Error::Unsupported(format!(
                "the step {} of {} is a process: bench starts it from the launch that prepare gave",
                request.step, request.target
            )));
        }
        let program = native::require(&request.workload)?;
        let watched = watch(
            Program {
                program,
                args: &request.workload.args,
                directory: Some(request.workload.input.as_ref().unwrap_or(&request.scratch)),
                env: &request.workload.grants.env,
            },
            Amount {
                iterations: request.iterations,
                budget: request.budget.into(),
            },
        )
        .map_err(|error| Error::failed(format!("timing {}", program.display()), error))?;
        Ok(stopwatch_client::done(watched, samples))
    }

    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        if request.instances == Instances::Fresh {
            return Err(Error::Unsupported(
                "a program with a server of its own has no instances to make".to_owned(),
            ));
        }
        let program = native::require(&request.workload)?;
        Ok(Served::By(Launch {
            program: program.to_owned(),
            args: ["--listen", "127.0.0.1:0"].map(str::to_owned).into(),
            env: BTreeMap::new(),
            directory: request.scratch.clone(),
            artefact: program.to_owned(),
            container: None,
        }))
    }
}

fn configuration() -> BTreeMap<String, String> {
    [
        (
            "linking",
            "static; prepare refuses a binary that needs a loader",
        ),
        (
            "toolchain",
            "recorded with each workload, from the .json beside its binary",
        ),
        ("environment", "empty, or what the workload asks for"),
        (
            "run",
            "a fresh process each time, stopped by the kernel (ptrace) at its exec and at its call \
             of exit, where the clock is read; nowhere else",
        ),
        (
            "working directory",
            "the workload's input folder, itself and writable",
        ),
        ("isolation", "none: a process of the user who runs bench"),
        ("http", "the program's own server: a thread a connection"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}
