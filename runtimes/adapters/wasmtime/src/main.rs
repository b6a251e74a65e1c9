//! Drives Wasmtime for `bench`.
//!
//! # Layout
//!
//! - `targets`: which configurations are measured, and what the ledger says of each
//! - `engine`: one configuration as a [`plimsoll_adapter::timed::Engine`]
//! - `launch`: one configuration as a process of its own
//! - `specification`: Wasmtime as the specification's test scripts need it

mod engine;
mod launch;
mod specification;
mod targets;

use plimsoll_adapter::protocol::{
    Availability, Directive, Done, Hello, Measure, PROTOCOL, Prepare, Prepared, Sample, Script,
    Serve, Target,
};
use plimsoll_adapter::record::{Proposal, TargetId};
use plimsoll_adapter::record::run::TargetKind;
use plimsoll_adapter::timed::Engine as _;
use plimsoll_adapter::{Adapter, Error, Served, adapter_main, artefact, http, timed, wast};

use engine::Wasmtime;
use specification::Specification;
use targets::{Configuration, ENGINE_VERSION};

struct AdapterWasmtime;

impl Adapter for AdapterWasmtime {
    fn hello(&mut self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-wasmtime ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "wasmtime".to_owned(),
            engine_version: ENGINE_VERSION.to_owned(),
            targets: targets::ALL
                .iter()
                .map(|configuration| Target {
                    id: TargetId::from(configuration.id),
                    kind: TargetKind::Wasm,
                    availability: available(configuration),
                    steps: configuration.steps.to_vec(),
                    configuration: targets::ledger(configuration),
                })
                .collect(),
        }
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let configuration = find(&request.target)?;
        let wasm = artefact::read_wasm(&request.workload.wasm)?;
        // Compiled at start too: a module that the compiler refuses is found before the trials.
        let serialised = Wasmtime::new(configuration)?.serialise(&wasm)?;
        let mut artefacts = Vec::new();
        if configuration.loads() {
            let path = launch::artefact(&request.scratch);
            artefacts.push(artefact::write(&path, "aot", &serialised)?);
        }
        let launch = launch::of(configuration, &request.workload, &request.scratch)?;
        Ok(Prepared { launch, artefacts })
    }

    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        let engine = Wasmtime::new(find(&request.target)?)?;
        let _entered = engine.enter();
        let artefact = launch::artefact(&request.scratch);
        timed::measure(&engine, request, &artefact, samples)
    }

    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        let artefact = launch::artefact(&request.scratch);
        let code = match find(&request.target)?.loads() {
            true => http::Code::Artefact(&artefact),
            false => http::Code::Wasm(&request.workload.wasm),
        };
        http::launch(request, code).map(Served::By)
    }

    fn claims(&mut self, target: &TargetId) -> Vec<Proposal> {
        find(target).map_or_else(
            |_| Vec::new(),
            |found| specification::claims(found.compiler),
        )
    }

    fn script(
        &mut self,
        request: &Script,
        went: &mut dyn FnMut(Directive),
    ) -> Result<u32, Error> {
        let target = find(&request.target)?;
        let mut engine = Specification::new(target.compiler, target.setup, &request.features)?;
        wast::run(&mut engine, request, went)
    }
}

fn available(configuration: &Configuration) -> Availability {
    match launch::runner(configuration) {
        None => Availability::Available,
        Some(runner) if runner.is_file() => Availability::Available,
        Some(runner) => Availability::Unavailable {
            reason: format!("its runner {} has not been built", runner.display()),
            remedy: format!("bench setup {}", configuration.id),
        },
    }
}

fn find(target: &TargetId) -> Result<&'static Configuration, Error> {
    targets::ALL
        .iter()
        .find(|configuration| configuration.id == target.as_str())
        .ok_or_else(|| Error::Failed(format!("no target {target} here")))
}

adapter_main!(AdapterWasmtime, http: |asked| {
    Wasmtime::new(find(&asked.target)?)
});
