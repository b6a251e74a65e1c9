//! Adapter for workerd, the runtime of Cloudflare Workers: V8 behind its own HTTP server, with a script that gives each
//! request an instance of the workload's module.
//!
//! # Layout
//!
//! - `shim.mjs`: the script
//! - `up`: runs `workerd serve` as a server that `bench` can start and end

mod up;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use plimsoll_adapter::protocol::{
    Artefact, Availability, Done, Hello, Launch, Measure, PROTOCOL, Prepare, Prepared, Sample,
    Serve, Target,
};
use plimsoll_adapter::record::run::{ProgramRecord, TargetKind};
use plimsoll_adapter::record::{Step, TargetId};
use plimsoll_adapter::{Adapter, Error, Served, artefact, programs};

/// Id of the only target.
const ID: &str = "workerd";
/// Files in the pair's scratch directory.
const SHIM: &str = "shim.mjs";
const GUEST: &str = "guest.wasm";
const CONFIGURATION: &str = "config.capnp";

/// One worker of one script and one module, on any free loopback port.
const CONFIGURED: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .handler)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const handler :Workerd.Worker = (
  modules = [
    (name = "worker", esModule = embed "shim.mjs"),
    (name = "guest.wasm", wasm = embed "guest.wasm"),
  ],
  compatibilityDate = "2026-11-01",
);
"#;

/// A usable workerd.
struct Workerd {
    program: PathBuf,
    version: String,
}

struct AdapterWorkerd(Result<Workerd, String>);

impl AdapterWorkerd {
    fn found(&self) -> Result<&Workerd, Error> {
        self.0.as_ref().map_err(|why| Error::Failed(why.clone()))
    }
}

impl Adapter for AdapterWorkerd {
    fn hello(&mut self) -> Hello {
        let (availability, engine_version) = match &self.0 {
            Ok(workerd) => (Availability::Available, workerd.version.clone()),
            Err(reason) => (
                Availability::Unavailable {
                    reason: reason.clone(),
                    remedy: "scripts/install-tools workerd".to_owned(),
                },
                format!("not known: {reason}"),
            ),
        };
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-workerd ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "workerd".to_owned(),
            engine_version,
            targets: vec![Target {
                id: ID.into(),
                kind: TargetKind::Wasm,
                availability,
                steps: vec![Step::ServeFresh, Step::FirstResponse],
                configuration: ledger(),
                programs: Vec::new(),
            }],
        }
    }

    fn programs(&mut self, _: &TargetId) -> Result<Vec<ProgramRecord>, Error> {
        Ok(vec![programs::of_file("engine", &self.found()?.program)?])
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        self.found()?;
        let wasm = artefact::read_wasm(&request.workload.wasm)?;
        let write = |name, role, bytes: &[u8]| -> Result<Artefact, Error> {
            artefact::write(&request.scratch.join(name), role, bytes)
        };
        Ok(Prepared {
            launch: None,
            artefacts: vec![
                write(SHIM, "script", include_bytes!("shim.mjs"))?,
                write(GUEST, "module", &wasm)?,
                write(CONFIGURATION, "configuration", CONFIGURED.as_bytes())?,
            ],
        })
    }

    fn measure(&mut self, request: &Measure, _: &mut dyn FnMut(Sample)) -> Result<Done, Error> {
        Err(Error::Unsupported(format!(
            "{} serves, and bench holds the clock of {}: ask it to serve",
            request.target, request.step
        )))
    }

    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        let configuration = request.scratch.join(CONFIGURATION);
        artefact::require(&configuration)?;
        let program = std::env::current_exe()
            .map_err(|error| Error::failed("finding this adapter's executable", error))?;
        Ok(Served::By(Launch {
            program,
            args: up::arguments(text(&self.found()?.program)?, text(&configuration)?),
            env: BTreeMap::new(),
            directory: request.scratch.clone(),
            artefact: request.scratch.join(GUEST),
            container: None,
        }))
    }
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| {
        Error::Failed(format!(
            "{} is not UTF-8, which the protocol's arguments are",
            path.display()
        ))
    })
}

/// The program that `scripts/install-tools workerd` puts into the user's cache folder, or where `PLIMSOLL_WORKERD` says.
fn installed() -> Result<Workerd, String> {
    let cache = || {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
    };
    let prefix = std::env::var_os("PLIMSOLL_WORKERD").map(PathBuf::from);
    let prefix = prefix.or_else(|| cache().map(|cache| cache.join("plimsoll/workerd")));
    let program = prefix
        .map(|prefix| prefix.join("node_modules/@cloudflare/workerd-linux-64/bin/workerd"))
        .ok_or("neither PLIMSOLL_WORKERD nor a home folder is known")?;
    let asked = Command::new(&program).arg("--version").output();
    let asked = asked.map_err(|error| format!("running {}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&asked.stdout);
    match said.trim().strip_prefix("workerd ") {
        Some(version) => Ok(Workerd {
            version: version.to_owned(),
            program,
        }),
        None => Err(format!("{} says no version", program.display())),
    }
}

fn ledger() -> BTreeMap<String, String> {
    [
        ("compiler", "V8: Liftoff first, TurboFan for code that runs often (the default)"),
        (
            "code",
            "compiled from the .wasm in every process, which its configuration embeds; no code cache",
        ),
        (
            "http",
            "workerd's own server, one thread for all connections. The script writes a request as \
             text for the guest and parses the guest's response: both in JavaScript, so HTTP is parsed twice",
        ),
        (
            "instances",
            "one WebAssembly.Instance per request, left to the garbage collector; the isolate and its \
             script serve all requests",
        ),
        ("wasi", "preview 1 as far as the handler needs it, 40 lines of the script"),
        (
            "process",
            "workerd serve below a process of the adapter that waits until it accepts; starting \
             that one is in the clock of first-response",
        ),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into()
}

fn main() -> ExitCode {
    up::of_this_process()
        .unwrap_or_else(|| plimsoll_adapter::serve::main(|| AdapterWorkerd(installed())))
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
    fn without_workerd_the_target_is_unavailable_with_the_remedy() {
        let hello = AdapterWorkerd(Err("no workerd here".to_owned())).hello();
        let Availability::Unavailable { reason, remedy } = &hello.targets[0].availability else {
            panic!("{hello:?}");
        };
        assert_eq!(reason, "no workerd here");
        assert_eq!(remedy, "scripts/install-tools workerd");
    }
}
