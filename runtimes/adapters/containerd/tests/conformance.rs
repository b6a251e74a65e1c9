//! Protocol and output tests. Also: after a run was killed with a hanging shim, the next adapter process removes
//! everything that it left in the daemon.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_adapter::conformance::{self, Case, Went};

fn adapter() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_adapter-containerd"))
}

/// Output lines of `ctr` in the adapter's namespace.
fn told(args: &[&str]) -> Vec<String> {
    let sockets = [
        "/var/run/docker/containerd/containerd.sock",
        "/run/containerd/containerd.sock",
    ];
    let socket = sockets.iter().find(|socket| Path::new(socket).exists());
    let socket = socket.expect("containerd runs: scripts/docker-engine start");
    let output = Command::new("ctr")
        .args(["--address", socket, "--namespace", "plimsoll"])
        .args(args)
        .output()
        .expect("ctr is on PATH");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

fn containers() -> Vec<String> {
    told(&["containers", "ls", "-q"])
}

fn left() -> Vec<String> {
    let namespaces = told(&["namespaces", "ls", "-q"]);
    let ours = namespaces.into_iter().filter(|name| name == "plimsoll");
    ours.chain(containers())
        .chain(told(&["images", "ls", "-q"]))
        .chain(told(&["snapshots", "ls"]).into_iter().skip(1))
        .chain(processes("containerd-shim.* -namespace plimsoll "))
        .collect()
}

/// Pids of processes whose command line matches.
fn processes(pattern: &str) -> Vec<String> {
    let found = Command::new("pgrep").args(["-f", pattern]).output();
    let found = found.expect("pgrep is on PATH");
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{what} never came"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Workloads by name, with their native binaries.
fn cases(names: &[&str]) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let target = adapter().ancestors().nth(2).expect("TARGET/release/NAME");
    let binaries: PathBuf = target.join("workloads/native");
    let mut cases =
        conformance::workloads(&root.join("workloads")).expect("the table of workloads");
    cases.retain(|case| names.contains(&case.workload.id.as_str()));
    for case in &mut cases {
        let native = binaries.join(case.workload.id.as_str());
        assert!(native.is_file(), "scripts/build-workloads --native");
        case.workload.native = Some(native);
    }
    cases
}

fn started() -> Child {
    Command::new(adapter())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the adapter starts")
}

#[test]
fn workloads_are_verified_on_every_target_and_a_killed_run_with_a_shim_that_hangs_is_reaped() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    // One only prints, the other has an input folder.
    let cases = cases(&["hello", "handler"]);
    let exercised = conformance::check(adapter(), &cases, scratch.path())
        .unwrap_or_else(|violations| panic!("{violations}"));
    for one in &exercised {
        assert!(matches!(one.went, Went::Verified(_)), "{one:?}");
    }
    assert_eq!(
        exercised.len(),
        3 * 2 * cases.len(),
        "3 targets, 2 steps; one that is missing: bench setup containerd, as root: {exercised:?}"
    );
    assert_eq!(left(), Vec::<String>::new());

    // Killed in the middle with a hanging shim: its leftovers stay until the next adapter starts.
    let mut child = started();
    let hello = cases
        .iter()
        .find(|case| case.workload.id.as_str() == "hello");
    let pair = serde_json::json!({
        "target": "containerd/wasmtime",
        "workload": hello.expect("it is a workload").workload,
        "scratch": scratch.path(),
    });
    let mut prepare = pair.clone();
    prepare["request"] = "prepare".into();
    let mut measure = pair;
    measure["request"] = "measure".into();
    measure["step"] = "process".into();
    measure["iterations"] = 1000.into();
    measure["budget"] = 60_000_000_000_u64.into();
    let stdin = child.stdin.as_mut().expect("it is piped");
    writeln!(stdin, "{prepare}\n{measure}").expect("it reads");
    eventually("a container", || !containers().is_empty());
    let mut shim = Vec::new();
    eventually("its shim", || {
        shim = processes("containerd-shim-plimsoll-v1 -namespace plimsoll -id ");
        !shim.is_empty()
    });
    let stopped = Command::new("kill").arg("-STOP").arg(&shim[0]).status();
    assert!(stopped.expect("kill is on PATH").success());
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert!(left().len() > 1, "an image at least, and the namespace");
    let mut next = started();
    eventually("the reaping", || left().is_empty());
    drop(next.stdin.take());
    assert!(next.wait().expect("it ends").success());
}
