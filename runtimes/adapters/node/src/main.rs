//! Drives Node.js, that is V8 with node:wasi, for `bench`: a process that is the `node` on PATH.
//!
//! # Layout
//!
//! - `node`: which `node` that is, and whether it will do
//! - `targets`: how it is started, and what the ledger says of that
//! - `run.mjs`: the program that it runs

mod node;
mod targets;

use std::path::PathBuf;

use plimsoll_adapter::protocol::{
    Done, Hello, Launch, Measure, PROTOCOL, Prepare, Prepared, Sample, Target,
};
use plimsoll_adapter::record::Step;
use plimsoll_adapter::record::run::TargetKind;
use plimsoll_adapter::{Adapter, Error, adapter_main, artefact};

use node::Node;

/// What a guest is run by; written where a pair's files lie.
const RUN: &str = include_str!("run.mjs");

struct AdapterNode(Result<Node, node::Absent>);

impl Adapter for AdapterNode {
    fn hello(&mut self) -> Hello {
        let (availability, version) = node::told(&self.0);
        let targets = targets::ALL.iter().map(|target| Target {
            id: target.id.into(),
            kind: TargetKind::Wasm,
            availability: availability.clone(),
            steps: vec![Step::Process, Step::Fresh],
            configuration: target.ledger(self.0.as_ref().ok()),
        });
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-node ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "node".to_owned(),
            engine_version: version,
            targets: targets.collect(),
        }
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let node = self
            .0
            .as_ref()
            .map_err(|absent| Error::Failed(absent.to_string()))?;
        let target = targets::ALL
            .iter()
            .find(|target| target.id == request.target.as_str())
            .ok_or_else(|| Error::Failed(format!("no target {} here", request.target)))?;
        let workload = &request.workload;
        artefact::read_wasm(&workload.wasm)?;
        let run = request.scratch.join("run.mjs");
        artefact::write(&run, "script", RUN.as_bytes())?;
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let mut args: Vec<_> = target.options().map(str::to_owned).collect();
        args.push(text(&run));
        args.push(text(&workload.wasm));
        // The directory that is granted as `.`; nothing stands for none.
        args.push(workload.input.as_ref().map(text).unwrap_or_default());
        args.push(workload.id.to_string());
        args.extend(workload.args.iter().cloned());
        Ok(Prepared {
            launch: Some(Launch {
                program: node.program.clone(),
                args,
                env: workload.grants.env.clone(),
                directory: workload.input.clone().unwrap_or(request.scratch.clone()),
                artefact: workload.wasm.clone(),
            }),
            artefacts: Vec::new(),
        })
    }

    fn measure(&mut self, request: &Measure, _: &mut dyn FnMut(Sample)) -> Result<Done, Error> {
        Err(Error::Unsupported(format!(
            "the step {} of {} is a process: bench starts it from the launch that prepare gave",
            request.step, request.target
        )))
    }
}

adapter_main!(AdapterNode(node::on_path()));
