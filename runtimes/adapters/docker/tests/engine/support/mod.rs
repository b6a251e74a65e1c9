//! Test support: guests compiled on the spot, an engine or a visible skip, and a proxy that can cut the connection to
//! the engine.

pub(crate) mod proxy;

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use adapter_docker::engine::{Engine, Unusable};
use adapter_docker::owner::OWNER;
use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder};
use plimsoll_adapter::protocol::{Grants, Measure, Prepare, Workload};
use plimsoll_adapter::record::{Nanoseconds, Step};
use tempfile::TempDir;

/// Tests run one at a time, because their leftovers are found by process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// An engine and a folder for one test.
pub(crate) struct Ground {
    pub(crate) socket: PathBuf,
    pub(crate) folder: TempDir,
    runtime: tokio::runtime::Runtime,
    engine: Engine,
    _alone: MutexGuard<'static, ()>,
}

impl Ground {
    /// This machine's engine; without one the test is skipped visibly, which `CI` does not allow.
    pub(crate) fn find() -> Option<Self> {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("an event loop");
        match runtime.block_on(Engine::from_environment()) {
            Ok(engine) => Some(Ground {
                socket: engine.socket.clone(),
                folder: tempfile::tempdir().expect("a folder for temporary files"),
                runtime,
                engine,
                _alone: alone,
            }),
            Err(unusable) => {
                skip(&unusable);
                None
            }
        }
    }

    /// Compiles this C source to a static program.
    pub(crate) fn program(&self, name: &str, source: &str) -> PathBuf {
        let (path, file) = (
            self.folder.path().join(name),
            self.folder.path().join(format!("{name}.c")),
        );
        std::fs::write(&file, source).expect("a writable folder");
        let compiled = Command::new("cc")
            .args(["-O1", "-static", "-o"])
            .args([&path, &file])
            .status()
            .expect("a C compiler (sudo apt-get install gcc libc6-dev)");
        assert!(compiled.success(), "cc on {}", file.display());
        path
    }

    /// A workload that runs this program.
    pub(crate) fn workload(&self, id: &str, program: &Path) -> Workload {
        Workload {
            id: id.into(),
            wasm: self.folder.path().join("none.wasm"),
            native: Some(program.to_owned()),
            args: Vec::new(),
            input: None,
            component: None,
            image: None,
            grants: Grants::default(),
        }
    }

    /// A prepare request for it on this target.
    pub(crate) fn prepare(&self, target: &str, workload: &Workload) -> Prepare {
        let scratch =
            self.folder
                .path()
                .join(format!("{}-{}", target.replace('/', "-"), workload.id));
        std::fs::create_dir_all(&scratch).expect("a writable folder");
        Prepare {
            target: target.into(),
            workload: workload.clone(),
            scratch,
            portable: false,
        }
    }

    /// Names of all containers and images owned by this process.
    pub(crate) fn left_by(&self, pid: u32) -> Vec<String> {
        let docker = &self.engine.docker;
        let owned = |labels: &HashMap<String, String>| {
            let owner = labels.get(OWNER).map(|owner| owner.split('/').nth(2));
            owner == Some(Some(pid.to_string().as_str()))
        };
        self.runtime.block_on(async {
            let all = ListContainersOptionsBuilder::new().all(true).build();
            let containers = docker.list_containers(Some(all)).await.expect("containers");
            let containers = containers
                .into_iter()
                .filter(|container| container.labels.as_ref().is_some_and(owned))
                .flat_map(|container| container.names.unwrap_or_default());
            let all = ListImagesOptionsBuilder::new().build();
            let images = docker.list_images(Some(all)).await.expect("images");
            let images = images
                .into_iter()
                .filter(|image| owned(&image.labels))
                .flat_map(|image| image.repo_tags);
            containers.chain(images).collect()
        })
    }

    /// Digests of an image's layers.
    pub(crate) fn layers(&self, name: &str) -> Vec<String> {
        let inspected = self
            .runtime
            .block_on(self.engine.docker.inspect_image(name))
            .expect("the image is there");
        inspected
            .root_fs
            .and_then(|root| root.layers)
            .expect("an image has layers")
    }

    /// Whether the engine can limit memory; otherwise reports the test as skipped.
    pub(crate) fn limits_memory(&self) -> bool {
        let limits = self.engine.info.memory_limit == Some(true);
        if !limits {
            skip(&"the engine cannot limit memory: the kernel gives it no memory cgroup");
        }
        limits
    }
}

/// A request for one iteration of a step.
pub(crate) fn measure(prepare: &Prepare, step: Step) -> Measure {
    Measure {
        target: prepare.target.clone(),
        workload: prepare.workload.clone(),
        scratch: prepare.scratch.clone(),
        step,
        iterations: 1,
        budget: Nanoseconds(1),
        levels: None,
    }
}

/// Reports that a test cannot run on this machine, bypassing output capture and in the file that `scripts/test` sets in
/// `PLIMSOLL_SKIPPED`.
pub(crate) fn skip(reason: &dyn std::fmt::Display) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("SKIPPED: {name}: {reason}");
    let _ = writeln!(std::io::stderr(), "{line}");
    if let Some(path) = std::env::var_os("PLIMSOLL_SKIPPED") {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{line}"));
    }
}

/// Waits until a condition holds.
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "still waiting for {what} after two minutes"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Text of an unusable engine, for messages.
pub(crate) fn said(unusable: &Unusable) -> String {
    format!("{unusable}; {}", unusable.remedy())
}
