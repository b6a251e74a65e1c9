//! Adapter for Node.js, that is, V8 with node:wasi: processes of the `node` on PATH.
//!
//! # Layout
//!
//! - `node`: finds `node` and checks its version
//! - `targets`: command line options and fairness ledgers
//! - `run.mjs`: the script that runs a guest

mod node;
mod targets;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_adapter::in_process::unlimited;
use plimsoll_adapter::protocol::{
    Done, Hello, Launch, Measure, PROTOCOL, Prepare, Prepared, Probe, Sample, Target,
};
use plimsoll_adapter::record::run::{ProgramRecord, TargetKind};
use plimsoll_adapter::record::{Limit, Step, TargetId};
use plimsoll_adapter::{Adapter, Error, Probing, adapter_main, artefact, programs};

use node::Node;

/// The script that runs a guest; written to the pair's scratch directory.
const RUN: &str = include_str!("run.mjs");

struct AdapterNode(Result<Node, node::Absent>);

impl Adapter for AdapterNode {
    fn hello(&mut self) -> Hello {
        let (availability, version) = node::told(&self.0);
        let targets = targets::ALL.iter().map(|target| Target {
            id: target.id.into(),
            kind: TargetKind::Wasm,
            availability: availability.clone(),
            steps: vec![Step::Process, Step::Deploy],
            configuration: target.ledger(self.0.as_ref().ok()),
            programs: Vec::new(),
        });
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-node ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "node".to_owned(),
            engine_version: version,
            targets: targets.collect(),
        }
    }

    fn programs(&mut self, _: &TargetId) -> Result<Vec<ProgramRecord>, Error> {
        let node = self.0.as_ref();
        let node = node.map_err(|absent| Error::Failed(absent.to_string()))?;
        Ok(vec![programs::of_file("engine", &node.program)?])
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
        if let Some(directory) = &workload.input {
            args.extend(["--dir".to_owned(), format!("{}::.", text(directory))]);
        }
        for (name, value) in &workload.grants.env {
            args.extend(["--env".to_owned(), format!("{name}={value}")]);
        }
        args.push(text(&workload.wasm));
        args.push(workload.id.to_string());
        args.extend(workload.args.iter().cloned());
        Ok(Prepared {
            launch: Some(Launch {
                program: node.program.clone(),
                args,
                env: BTreeMap::new(),
                directory: workload.input.clone().unwrap_or(request.scratch.clone()),
                artefact: workload.wasm.clone(),
                container: None,
            }),
            artefacts: Vec::new(),
        })
    }

    fn probe(&mut self, request: &Probe) -> Result<Probing, Error> {
        let mut of_v8 = Vec::new();
        let mut of_the_script = Vec::new();
        for limit in &request.limits {
            match limit {
                Limit::Memory { bytes } => {
                    of_v8.push(format!("--wasm-max-mem-pages={}", bytes >> 16));
                }
                Limit::Time { nanoseconds } => {
                    let time = Duration::from_nanos(*nanoseconds).as_secs_f64();
                    of_the_script.extend(["--timeout".to_owned(), time.to_string()]);
                }
                _ => return Err(Error::Unsupported(unlimited(&[*limit]))),
            }
        }
        let prepared = self.prepare(&Prepare {
            target: request.target.clone(),
            workload: request.workload.clone(),
            scratch: request.scratch.clone(),
            portable: false,
        })?;
        let launch = prepared.launch.map(|mut launch| {
            // The script's own options follow its name, which is the first word that is not an option.
            let script = launch.args.iter().position(|word| !word.starts_with("--"));
            let after = script.map_or(launch.args.len(), |at| at + 1);
            launch.args.splice(after..after, of_the_script);
            launch.args.splice(0..0, of_v8);
            Probing::By(launch)
        });
        launch.ok_or_else(|| Error::Unsupported(format!("{} is no process", request.target)))
    }

    fn measure(&mut self, request: &Measure, _: &mut dyn FnMut(Sample)) -> Result<Done, Error> {
        Err(Error::Unsupported(format!(
            "the step {} of {} is a process: bench starts it from the launch that prepare gave",
            request.step, request.target
        )))
    }
}

adapter_main!(AdapterNode(node::on_path()));
