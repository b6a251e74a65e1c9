//! Handles protocol requests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_adapter::protocol::{
    Availability, Done, Hello, Instances, Launch, Measure, PROTOCOL, Prepare, Prepared, Sample,
    Serve, Target as Told, Workload,
};
use plimsoll_adapter::record::run::TargetKind;
use plimsoll_adapter::{Adapter, Error, Served, artefact};

use crate::command::{self, Form};
use crate::engine;
use crate::targets::{ALL, ENGINE_VERSION, Target};

/// File name of the artefact that `prepare` writes.
const ARTEFACT: &str = "component.cwasm";

pub(crate) struct WasiHttp;

impl Adapter for WasiHttp {
    fn hello(&mut self) -> Hello {
        let told = |target: &Target| Told {
            id: target.id.into(),
            kind: TargetKind::Wasm,
            availability: Availability::Available,
            steps: target.steps.to_vec(),
            configuration: target.ledger(),
            programs: Vec::new(),
        };
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-wasi-http ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "wasmtime".to_owned(),
            engine_version: ENGINE_VERSION.to_owned(),
            targets: ALL.iter().map(told).collect(),
        }
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let target = find(request.target.as_str())?;
        let component = component(&request.workload)?;
        let bytes = artefact::read_wasm(component)?;
        // Also for targets that compile at every start, so that a rejected component is found here.
        let compiled = engine::engine(target.server(Instances::Fresh))
            .and_then(|engine| engine.precompile_component(&bytes))
            .map_err(|error| {
                Error::Failed(format!("compiling {}: {error:#}", component.display()))
            })?;
        let path = request.scratch.join(ARTEFACT);
        Ok(Prepared {
            launch: None,
            artefacts: vec![artefact::write(&path, "aot", &compiled)?],
        })
    }

    fn measure(&mut self, request: &Measure, _: &mut dyn FnMut(Sample)) -> Result<Done, Error> {
        Err(Error::Unsupported(format!(
            "{} serves, and bench holds the clock of {}: ask it to serve",
            request.target, request.step
        )))
    }

    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        let target = find(request.target.as_str())?;
        let (form, file) = match target.form {
            form @ Form::Component => (form, component(&request.workload)?.to_owned()),
            form @ Form::Artefact => {
                let path = request.scratch.join(ARTEFACT);
                artefact::require(&path)?;
                (form, path)
            }
        };
        let args = command::arguments(form, &file, target.server(request.instances))?;
        launch(request, args, file).map(Served::By)
    }
}

fn launch(request: &Serve, args: Vec<String>, file: PathBuf) -> Result<Launch, Error> {
    let program = std::env::current_exe()
        .map_err(|error| Error::failed("finding this adapter's executable", error))?;
    Ok(Launch {
        program,
        args,
        env: BTreeMap::new(),
        directory: request.scratch.clone(),
        artefact: file,
        container: None,
    })
}

fn find(target: &str) -> Result<&'static Target, Error> {
    ALL.iter()
        .find(|known| known.id == target)
        .ok_or_else(|| Error::Failed(format!("no target {target} here")))
}

fn component(workload: &Workload) -> Result<&Path, Error> {
    workload.component.as_deref().ok_or_else(|| {
        Error::Unsupported(format!(
            "{} was not built as a component of wasi:http/proxy",
            workload.id
        ))
    })
}
