//! The target, its ledger and its command line.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

use plimsoll_adapter::protocol::{
    Artefact, Availability, Done, Hello, Launch, Measure, PROTOCOL, Prepare, Prepared, Sample,
    Target,
};
use plimsoll_adapter::record::Step;
use plimsoll_adapter::record::run::TargetKind;
use plimsoll_adapter::{Adapter, Error};

use crate::elf::{self, Linking};

/// What builds the binaries that are measured here.
const BUILD: &str = "scripts/build-workloads --native";

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
                steps: vec![Step::Process, Step::Fresh],
                configuration: configuration(),
            }],
        }
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let id = &request.workload.id;
        let Some(program) = &request.workload.native else {
            return Err(Error::Unsupported(format!(
                "{id} has no native binary: run {BUILD}"
            )));
        };
        let metadata = fs::metadata(program).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Error::Failed(format!("{} is not there: run {BUILD}", program.display()))
            }
            _ => Error::failed(format!("looking at {}", program.display()), error),
        })?;
        match elf::linking(program) {
            Ok(Linking::Static) => {}
            Ok(Linking::Dynamic) => {
                return Err(Error::Failed(format!(
                    "{} is dynamically linked, and its loader's work would be measured with it: \
                     build it again with {BUILD}",
                    program.display()
                )));
            }
            Ok(Linking::NotElf) => {
                return Err(Error::Failed(format!(
                    "{} is not a 64-bit ELF executable: build it again with {BUILD}",
                    program.display()
                )));
            }
            Err(error) => {
                return Err(Error::failed(
                    format!("reading {}", program.display()),
                    error,
                ));
            }
        }
        Ok(Prepared {
            launch: Some(Launch {
                program: program.clone(),
                args: request.workload.args.clone(),
                env: BTreeMap::new(),
                // A workload without input still gets a folder of its own: this pair's.
                directory: request
                    .workload
                    .input
                    .clone()
                    .unwrap_or_else(|| request.scratch.clone()),
                artefact: program.clone(),
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
        _samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        Err(Error::Unsupported(format!(
            "the step {} of {} is a process: bench starts it from the launch that prepare gave",
            request.step, request.target
        )))
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
        ("environment", "empty"),
        (
            "working directory",
            "the workload's input folder, itself and writable",
        ),
        ("isolation", "none: a process of the user who runs bench"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use plimsoll_adapter::protocol::Workload;

    use super::*;

    fn request(native: Option<&Path>) -> Prepare {
        Prepare {
            target: "native".into(),
            workload: Workload {
                id: "json".into(),
                wasm: PathBuf::from("/nowhere/json.wasm"),
                native: native.map(Path::to_owned),
                args: vec!["document.json".to_owned()],
                input: None,
            },
            scratch: PathBuf::from("/nowhere"),
        }
    }

    #[test]
    fn a_workload_without_a_native_binary_is_unsupported_and_says_what_builds_it() {
        let Err(Error::Unsupported(reason)) = Native.prepare(&request(None)) else {
            panic!("prepared a workload that has no native binary");
        };
        assert_eq!(
            reason,
            "json has no native binary: run scripts/build-workloads --native"
        );
    }

    #[test]
    fn a_binary_that_has_gone_fails_and_says_what_builds_it() {
        let Err(Error::Failed(message)) =
            Native.prepare(&request(Some(Path::new("/nowhere/json"))))
        else {
            panic!("prepared a binary that is not there");
        };
        assert!(message.contains("/nowhere/json"), "{message}");
        assert!(message.contains(BUILD), "{message}");
    }

    #[test]
    fn a_dynamic_binary_is_refused() {
        let Err(Error::Failed(message)) =
            Native.prepare(&request(Some(Path::new("/proc/self/exe"))))
        else {
            panic!("prepared a binary that needs a loader");
        };
        assert!(message.contains("dynamically linked"), "{message}");
    }
}
