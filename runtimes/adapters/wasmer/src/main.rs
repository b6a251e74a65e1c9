//! Drives Wasmer for `bench`.
//!
//! # Layout
//!
//! - `targets`: which configurations are measured, and what the ledger says of each
//! - `engine`: one configuration as a [`plimsoll_adapter::timed::Engine`]
//! - `connection`: a connection as a guest's standard stream
//! - `launch`: one configuration as a process of its own

mod connection;
mod engine;
mod launch;
mod targets;

use plimsoll_adapter::protocol::{
    Availability, Done, Hello, Measure, PROTOCOL, Prepare, Prepared, Sample, Serve, Target,
};
use plimsoll_adapter::record::TargetId;
use plimsoll_adapter::record::run::TargetKind;
use plimsoll_adapter::timed::Engine as _;
use plimsoll_adapter::{Adapter, Error, Served, adapter_main, artefact, http, timed};

use engine::Wasmer;
use targets::{Code, Configuration, ENGINE_VERSION};

struct AdapterWasmer;

impl Adapter for AdapterWasmer {
    fn hello(&mut self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-wasmer ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "wasmer".to_owned(),
            engine_version: ENGINE_VERSION.to_owned(),
            targets: targets::ALL
                .iter()
                .map(|configuration| Target {
                    id: TargetId::from(configuration.id),
                    kind: TargetKind::Wasm,
                    availability: available(),
                    steps: configuration.steps().to_vec(),
                    configuration: targets::ledger(configuration),
                })
                .collect(),
        }
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let configuration = find(&request.target)?;
        let wasm = artefact::read_wasm(&request.workload.wasm)?;
        // Compiled for the targets that do so at start too: a module that the compiler refuses
        // is found before the trials.
        let serialised = Wasmer::new(configuration)?.serialise(&wasm)?;
        let mut artefacts = Vec::new();
        if configuration.code == Code::AheadOfTime {
            let path = launch::artefact(&request.scratch);
            artefacts.push(artefact::write(&path, "aot", &serialised)?);
        }
        let launch = launch::of(configuration, &request.workload, &request.scratch)?;
        Ok(Prepared {
            launch: Some(launch),
            artefacts,
        })
    }

    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        let engine = Wasmer::new(find(&request.target)?)?;
        let _entered = engine.enter();
        let artefact = launch::artefact(&request.scratch);
        timed::measure(&engine, request, &artefact, samples)
    }

    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        let artefact = launch::artefact(&request.scratch);
        let code = match find(&request.target)?.code {
            Code::AheadOfTime => http::Code::Artefact(&artefact),
            Code::AtStart => http::Code::Wasm(&request.workload.wasm),
        };
        http::launch(request, code).map(Served::By)
    }
}

fn available() -> Availability {
    let runner = launch::runner();
    if runner.is_file() {
        return Availability::Available;
    }
    Availability::Unavailable {
        reason: format!("its runner {} has not been built", runner.display()),
        remedy: "bench setup wasmer".to_owned(),
    }
}

fn find(target: &TargetId) -> Result<&'static Configuration, Error> {
    targets::ALL
        .iter()
        .find(|configuration| configuration.id == target.as_str())
        .ok_or_else(|| Error::Failed(format!("no target {target} here")))
}

adapter_main!(AdapterWasmer, http: |asked| {
    Wasmer::new(find(&asked.target)?)
});
