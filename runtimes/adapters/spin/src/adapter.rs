//! Handles protocol requests, and builds the fairness ledger.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_adapter::protocol::{
    Artefact, Availability, Done, Hello, Launch, Measure, PROTOCOL, Prepare, Prepared, Sample,
    Serve, Target, Workload,
};
use plimsoll_adapter::record::run::{ProgramRecord, TargetKind};
use plimsoll_adapter::record::{Step, TargetId};
use plimsoll_adapter::{Adapter, Error, Served, artefact, programs};

use crate::command::{Absent, Spin};
use crate::up;

/// Id of the only target.
const ID: &str = "spin";
/// File name of the application's manifest for `spin up`.
const MANIFEST: &str = "spin.toml";
/// Warning shown with every figure of this target.
const NOT_VERIFIED: &str = "not verified here: the adapter was tested with a stand-in that speaks the \
     same command line; nobody of this project has run Spin itself with it";

pub(crate) struct AdapterSpin(pub(crate) Result<Spin, Absent>);

impl Adapter for AdapterSpin {
    fn hello(&mut self) -> Hello {
        let (availability, version) = match &self.0 {
            Ok(spin) => (Availability::Available, spin.version.clone()),
            Err(absent) => (
                Availability::Unavailable {
                    reason: format!("{absent} (this target is {NOT_VERIFIED})"),
                    remedy: "install Fermyon Spin (https://github.com/spinframework/spin) so that \
                             `spin` is on PATH; wasmtime/wasi-http stands for its way of serving"
                        .to_owned(),
                },
                format!("not known: {absent}"),
            ),
        };
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-spin ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "spin".to_owned(),
            engine_version: version,
            targets: vec![Target {
                id: ID.into(),
                kind: TargetKind::Wasm,
                availability,
                steps: vec![Step::ServeFresh, Step::FirstResponse],
                configuration: ledger(self.0.as_ref().ok()),
                programs: Vec::new(),
            }],
        }
    }

    fn programs(&mut self, _: &TargetId) -> Result<Vec<ProgramRecord>, Error> {
        let spin = self.0.as_ref();
        let spin = spin.map_err(|absent| Error::Failed(absent.to_string()))?;
        Ok(vec![programs::of_file("engine", &spin.program)?])
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let component = component(&request.workload)?;
        let bytes = artefact::read_wasm(component)?.len() as u64;
        let manifest = manifest(request.workload.id.as_str(), component)?;
        artefact::write(
            &request.scratch.join(MANIFEST),
            "manifest",
            manifest.as_bytes(),
        )?;
        Ok(Prepared {
            launch: None,
            artefacts: vec![Artefact {
                role: "component".to_owned(),
                bytes,
            }],
        })
    }

    fn measure(&mut self, request: &Measure, _: &mut dyn FnMut(Sample)) -> Result<Done, Error> {
        Err(Error::Unsupported(format!(
            "{} serves, and bench holds the clock of {}: ask it to serve",
            request.target, request.step
        )))
    }

    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        let spin = self
            .0
            .as_ref()
            .map_err(|absent| Error::Failed(absent.to_string()))?;
        let manifest = request.scratch.join(MANIFEST);
        artefact::require(&manifest)?;
        let program = std::env::current_exe()
            .map_err(|error| Error::failed("finding this adapter's executable", error))?;
        // Its caches and logs belong only to this run.
        let mut env = BTreeMap::from([("HOME".to_owned(), text(&request.scratch)?.to_owned())]);
        if let Ok(path) = std::env::var("PATH") {
            env.insert("PATH".to_owned(), path);
        }
        Ok(Served::By(Launch {
            program,
            args: up::arguments(text(&spin.program)?, text(&manifest)?),
            env,
            directory: request.scratch.clone(),
            artefact: component(&request.workload)?.to_owned(),
            container: None,
        }))
    }
}

fn component(workload: &Workload) -> Result<&Path, Error> {
    workload.component.as_deref().ok_or_else(|| {
        Error::Unsupported(format!(
            "{} was not built as a component of wasi:http/proxy",
            workload.id
        ))
    })
}

/// The application's manifest, version 2: one component for every route.
fn manifest(name: &str, component: &Path) -> Result<String, Error> {
    let source = text(component)?;
    // A TOML string without escapes cannot contain quotes or control characters.
    if source.contains(['"', '\\']) || source.chars().any(char::is_control) {
        return Err(Error::Failed(format!(
            "{source:?} cannot be named in {MANIFEST}: move the checkout to a plainer path"
        )));
    }
    Ok(format!(
        "spin_manifest_version = 2\n\n\
         [application]\nname = \"plimsoll-{name}\"\nversion = \"0.1.0\"\n\n\
         [[trigger.http]]\nroute = \"/...\"\ncomponent = \"{name}\"\n\n\
         [component.{name}]\nsource = \"{source}\"\n"
    ))
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| {
        Error::Failed(format!(
            "{} is not UTF-8, which the protocol's arguments are",
            path.display()
        ))
    })
}

fn ledger(spin: Option<&Spin>) -> BTreeMap<String, String> {
    let mut ledger: BTreeMap<String, String> = [
        ("verification", NOT_VERIFIED),
        (
            "configuration",
            "spin up with its defaults: pooling, epochs, an instance a request; the manifest has one \
             component behind the route /...",
        ),
        (
            "code",
            "compiled by Spin at the start; its compilation cache lies in the run's own folder, so that \
             a start finds what an earlier one of the same run left there",
        ),
        (
            "guest",
            "another build of the same routes, catalogue and bodies (workload handler-http): a component \
             of wasi:http/proxy. It parses no HTTP and writes none: the host does, in native code",
        ),
        (
            "process",
            "spin up, which starts its trigger as a process of its own, below a process of the adapter \
             that waits until Spin says where it serves; starting that one is in the clock of zero",
        ),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into();
    if let Some(spin) = spin {
        ledger.insert("program".to_owned(), spin.program.display().to_string());
    }
    ledger
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::conformance;

    use super::*;

    #[test]
    fn the_target_is_in_the_table() {
        conformance::assert_in_order(include_str!("../../../targets.toml"), [ID]);
    }

    #[test]
    fn the_manifest_names_the_component_and_refuses_a_path_that_it_could_not_quote() {
        let text = manifest("handler", Path::new("/w/handler-http.wasm")).expect("it is plain");
        assert!(
            text.contains("source = \"/w/handler-http.wasm\"\n"),
            "{text}"
        );
        assert!(text.contains("[component.handler]\n"), "{text}");
        for odd in ["/a\"b", "/a\\b", "/a\nb"] {
            assert!(manifest("handler", Path::new(odd)).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn without_spin_the_target_is_unavailable_says_why_and_that_it_was_never_verified() {
        let hello = AdapterSpin(Err(Absent::NotOnPath)).hello();
        let Availability::Unavailable { reason, remedy } = &hello.targets[0].availability else {
            panic!("{hello:?}");
        };
        assert!(reason.starts_with("no spin is on PATH"), "{reason}");
        assert!(reason.contains("not verified here"), "{reason}");
        assert!(remedy.contains("`spin` is on PATH"), "{remedy}");
        assert!(hello.targets[0].configuration["verification"].starts_with("not verified here"));
    }
}
