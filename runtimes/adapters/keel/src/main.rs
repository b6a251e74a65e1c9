//! Drives keel for `bench`.
//!
//! # Layout
//!
//! - `targets`: which configurations are measured, and what the ledger says of each
//! - `engine`: keel as a [`plimsoll_adapter::timed::Engine`]
//! - `launch`: keel as a process of its own
//! - `specification`: keel as the specification's test scripts need it

mod engine;
mod launch;
mod specification;
mod targets;

use plimsoll_adapter::protocol::{
    Availability, Directive, Done, Hello, Measure, PROTOCOL, Prepare, Prepared, Sample, Script,
    Serve, Target,
};
use plimsoll_adapter::record::run::TargetKind;
use plimsoll_adapter::record::{Proposal, TargetId};
use plimsoll_adapter::{Adapter, Error, Served, adapter_main, artefact, http, timed, wast};

use engine::Keel;
use specification::Specification;
use targets::Configuration;

struct AdapterKeel;

impl Adapter for AdapterKeel {
    fn hello(&mut self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-keel ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "keel".to_owned(),
            engine_version: env!("CARGO_PKG_VERSION").to_owned(),
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
        let compiled = Keel::new()?.serialise(&wasm)?;
        let mut artefacts = Vec::new();
        if configuration.loads() {
            let path = launch::artefact(&request.scratch);
            artefacts.push(artefact::write(&path, "aot", &compiled)?);
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
        find(&request.target)?;
        let artefact = launch::artefact(&request.scratch);
        timed::measure(&Keel::new()?, request, &artefact, samples)
    }

    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        let artefact = launch::artefact(&request.scratch);
        let code = match find(&request.target)?.loads() {
            true => http::Code::Artefact(&artefact),
            false => http::Code::Wasm(&request.workload.wasm),
        };
        http::launch(request, code).map(Served::By)
    }

    fn claims(&mut self, _: &TargetId) -> Vec<Proposal> {
        specification::CLAIMS.to_vec()
    }

    fn script(&mut self, request: &Script, went: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        find(&request.target)?;
        wast::run(&mut Specification::new(&request.features)?, request, went)
    }
}

fn available(configuration: &Configuration) -> Availability {
    let runner = launch::runner(configuration);
    if runner.is_file() {
        return Availability::Available;
    }
    Availability::Unavailable {
        reason: format!("its runner {} has not been built", runner.display()),
        remedy: format!("bench setup {}", configuration.id),
    }
}

fn find(target: &TargetId) -> Result<&'static Configuration, Error> {
    targets::ALL
        .iter()
        .find(|configuration| configuration.id == target.as_str())
        .ok_or_else(|| Error::Failed(format!("no target {target} here")))
}

adapter_main!(AdapterKeel, http: |asked| {
    find(&asked.target)?;
    Keel::new()
});
