//! A checkout for a test: two workloads, one adapter, and a `bench` that runs in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use plimsoll::catalog::workloads::sha256;
use tempfile::TempDir;

/// An adapter that keeps the protocol unless configured to misbehave.
pub(crate) const FAKE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fake-adapter.sh");

/// A checkout in its own folder, which is also TMPDIR and has the lock, so that tests do not wait for each
/// other.
pub(crate) struct Checkout {
    folder: TempDir,
}

impl Checkout {
    /// With the workloads `hello` (prints) and `quiet` (does not), and the adapter `fake` with three targets.
    pub(crate) fn new() -> Self {
        let checkout = Self {
            folder: TempDir::new().expect("a temporary folder"),
        };
        checkout.write(
            "runtimes/targets.toml",
            &format!(
                "schema = 'plimsoll.targets/1'\n\
                 [[adapter]]\nid = 'fake'\ntitle = 'an engine that is a shell script'\n\
                 program = '{FAKE}'\nexpected_engine = '1.'\ndefault = true\n\
                 targets = ['fake/process', 'fake/engine', 'fake/absent']\n\
                 [[adapter]]\nid = 'later'\ntitle = 'an engine that is not built'\n\
                 manifest = 'later/Cargo.toml'\nbinary = 'adapter-later'\ndefault = false\n\
                 build_minutes = 9\ntargets = ['later', 'later+jit']\n"
            ),
        );
        let mut table = "schema = 'plimsoll.workloads/2'\n".to_owned();
        let mut lock = "schema = 'plimsoll.workloads-lock/1'\n".to_owned();
        for (id, prints) in [("hello", "hello\n"), ("quiet", "")] {
            checkout.write(&format!("workloads/{id}/main.c"), id);
            checkout.write(&format!("workloads/{id}/expected.txt"), prints);
            checkout.write(&format!("workloads/wasm/{id}.wasm"), "\0asm");
            let source = format!("{id}/main.c\0{}\0{id}", id.len());
            let source = sha256(source.as_bytes());
            table += &format!(
                "[[workload]]\nid = '{id}'\ntitle = 'the workload {id}'\nwhy = 'tests'\n\
                 language = 'c'\nsources = ['{id}/main.c']\nwasm = 'wasm/{id}.wasm'\n\
                 native = '{id}'\nexpected = '{id}/expected.txt'\nduration = 'light'\n"
            );
            lock += &format!(
                "[[workload]]\nid = '{id}'\nsource_sha256 = '{source}'\nwasm_sha256 = '{}'\n\
                 wasm_bytes = 4\ntoolchain = 'none'\nflags = ''\n",
                sha256(b"\0asm")
            );
            checkout.program(
                &format!("target/workloads/native/{id}"),
                &format!("printf '{}'", prints.replace('\n', "\\n")),
            );
            checkout.write(
                &format!("target/workloads/native/{id}.json"),
                &format!(r#"{{"toolchain":"sh","source_sha256":"{source}","flags":""}}"#),
            );
        }
        checkout.write("workloads/workloads.toml", &table);
        checkout.write("workloads/workloads.lock", &lock);
        checkout
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("made");
        fs::write(path, content).expect("written");
    }

    /// An executable shell script.
    pub(crate) fn program(&self, name: &str, script: &str) -> PathBuf {
        self.write(name, &format!("#!/bin/sh\n{script}\n"));
        let path = self.path(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made executable");
        path
    }

    pub(crate) fn bench(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("PLIMSOLL_ROOT", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .env("PLIMSOLL_LOCK_DIR", self.folder.path())
            .env("NO_COLOR", "1")
            .env_remove("CARGO_TARGET_DIR");
        command
    }

    /// Runs `bench`, and returns its exit code, standard output and standard error.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        told(self.bench(args).output().expect("bench starts"))
    }

    /// `bench run` of the suite with `args`; `env` makes the adapter misbehave.
    pub(crate) fn measure(&self, args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
        let all = [
            &["run", "--suite", "coldstart", "--seed", "1", "--out", "run"],
            args,
        ]
        .concat();
        told(
            self.bench(&all)
                .envs(env.iter().copied())
                .output()
                .expect("bench starts"),
        )
    }

    /// The outcome lines of the run in `run`.
    pub(crate) fn outcomes(&self) -> Vec<serde_json::Value> {
        outcomes(&self.path("run"))
    }

    /// `text` without its machine-dependent parts.
    pub(crate) fn settled(&self, text: &str) -> String {
        let folder = self.folder.path().to_string_lossy();
        text.lines()
            .filter(|line| !line.starts_with("noisy"))
            .map(|line| line.replace(&*folder, "[checkout]") + "\n")
            .collect()
    }
}

pub(crate) fn outcomes(run: &Path) -> Vec<serde_json::Value> {
    fs::read_to_string(run.join("samples.ndjson"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|line| line["type"] == "outcome")
        .collect()
}

fn told(output: Output) -> (i32, String, String) {
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8(output.stdout).expect("bench prints UTF-8"),
        String::from_utf8(output.stderr).expect("bench prints UTF-8"),
    )
}
