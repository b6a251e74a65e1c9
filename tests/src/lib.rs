//! Shared code of the end-to-end tests: the real `bench`, a scratch folder, and reporting of skipped tests.

pub mod census;

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The checkout under test.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("the package lies in the checkout")
        .to_owned()
}

/// A program built beside this test, for example `bench`.
///
/// # Panics
/// If it was not built: `cargo build --release --workspace` builds it.
pub fn built(program: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let path = test
        .parent()
        .and_then(Path::parent)
        .expect("tests lie in target/<profile>/deps")
        .join(program);
    assert!(
        path.exists(),
        "{} is missing: cargo build --release --workspace",
        path.display()
    );
    path
}

/// The `bench` built with this test, which runs in its own empty folder.
#[derive(Debug)]
pub struct Bench {
    folder: TempDir,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// Creates the folder, empty.
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a temporary folder can be made"),
        }
    }

    /// Its working directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Prepares a command without starting it.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(built("bench"));
        command
            .args(args)
            .current_dir(self.folder())
            .env("PLIMSOLL_ROOT", root())
            .env("NO_COLOR", "1");
        command
    }

    /// Runs it until it exits.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Output {
        self.command(args).output().expect("bench can be started")
    }

    /// Runs it, checks its exit code, and returns its stdout.
    ///
    /// # Panics
    /// With all its output, if the exit code is not `code`.
    pub fn exits<S: AsRef<OsStr>>(&self, code: i32, args: &[S]) -> String {
        let output = self.run(args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{}",
            both_streams(&output)
        );
        String::from_utf8(output.stdout).expect("bench prints UTF-8")
    }

    /// The rows of `bench report --json` for the run in `directory`.
    pub fn rows(&self, directory: &Path) -> Vec<Value> {
        let text = self.exits(
            0,
            &[
                OsStr::new("report"),
                directory.as_os_str(),
                "--json".as_ref(),
            ],
        );
        let report: Value = serde_json::from_str(&text).expect("a report is JSON");
        assert_eq!(report["schema"], "plimsoll.report/1");
        report["rows"]
            .as_array()
            .expect("a report has rows")
            .clone()
    }
}

/// Splits a command line that has no spaces inside its words.
pub fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// All output of a command, for a failing test's message.
pub fn both_streams(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The row of one workload, target, boundary and metric.
pub fn row<'a>(
    rows: &'a [Value],
    workload: &str,
    target: &str,
    boundary: &str,
    metric: &str,
) -> Option<&'a Value> {
    rows.iter().find(|row| {
        row["workload"] == workload
            && row["target"] == target
            && row["boundary"] == boundary
            && row["metric"] == metric
    })
}

/// The row of a target at one level; for `None`, that of the fitted line.
pub fn row_at<'a>(
    rows: &'a [Value],
    target: &str,
    place: (&str, &str),
    level: Option<u64>,
) -> Option<&'a Value> {
    rows.iter().find(|row| {
        row["target"] == target
            && row["boundary"] == place.0
            && row["metric"] == place.1
            && row["at"].as_u64() == level
    })
}

/// Every complete line recorded so far.
pub fn lines(run: &Path) -> Vec<Value> {
    std::fs::read_to_string(run.join("samples.ndjson"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The recorded lines that close a trial.
pub fn outcomes(run: &Path) -> Vec<Value> {
    let mut lines = lines(run);
    lines.retain(|line| line["type"] == "outcome");
    lines
}

/// Sends a signal to an existing process.
///
/// # Panics
/// If it cannot be sent.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().expect("a pid fits")).expect("a pid is not 0");
    kill_process(pid, signal).expect("the process can be signalled");
}

/// Reports that a test cannot run on this machine, on stderr and in the file in `PLIMSOLL_SKIPPED`:
/// `scripts/test` prints and counts these at the end.
pub fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("SKIPPED: {name}: {reason}");
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("PLIMSOLL_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{line}"));
    }
}

/// Whether a container engine is available; if not, calls [`skip`].
pub fn container_engine_answers() -> bool {
    let answers = Command::new(root().join("scripts/docker-engine"))
        .arg("status")
        .output()
        .is_ok_and(|output| output.status.success());
    if !answers {
        skip("no container engine answers; scripts/docker-engine start");
    }
    answers
}

/// Whether a target can be measured here; if not, calls [`skip`].
///
/// # Panics
/// If `bench` does not know it.
pub fn target_is_ready(bench: &Bench, target: &str) -> bool {
    let listed: Value = serde_json::from_str(&bench.exits(0, &["list", "targets", "--json"]))
        .expect("a list is JSON");
    let row = listed
        .as_array()
        .and_then(|rows| rows.iter().find(|row| row["id"] == target))
        .unwrap_or_else(|| panic!("no target {target}: {listed}"));
    let ready = row["status"] == "ready";
    if !ready {
        skip(&format!("{target}: {}; {}", row["why"], row["remedy"]));
    }
    ready
}

/// Every process with `marker` in its environment or command line, from /proc: what a run left running.
pub fn processes_with(marker: &str) -> Vec<(u32, String)> {
    let own = std::process::id();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")
        .expect("/proc can be read")
        .flatten()
    {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
        let (command, environment) = (read("cmdline"), read("environ"));
        let holds = |bytes: &[u8]| {
            bytes
                .windows(marker.len())
                .any(|at| at == marker.as_bytes())
        };
        if pid != own && (holds(&command) || holds(&environment)) {
            found.push((pid, String::from_utf8_lossy(&command).replace('\0', " ")));
        }
    }
    found
}

/// Waits until `look` finds something, and returns it.
///
/// # Panics
/// After a timeout that is generous even on a loaded machine.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// As [`eventually`], with a given timeout.
///
/// # Panics
/// After `patience`.
pub fn within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < patience, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Timeout for something that should happen; reached only in a failing test.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Maximum time for which another run holds the machine.
pub const ANOTHER_RUN: Duration = Duration::from_secs(1200);
