//! The adapter keeps the protocol and verifies what it runs; a deadline, a kill and an earlier run leave
//! nothing on the daemon.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_adapter::conformance::{self, Went};

fn adapter() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_adapter-containerd"))
}

fn ctr(args: &[&str]) -> String {
    let sockets = [
        "/var/run/docker/containerd/containerd.sock",
        "/run/containerd/containerd.sock",
    ];
    let socket = sockets.iter().find(|socket| Path::new(socket).exists());
    let output = Command::new("ctr")
        .args([
            "--address",
            socket.expect("containerd runs: scripts/docker-engine start"),
        ])
        .args(args)
        .output()
        .expect("ctr is on PATH");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Namespaces of adapters, whoever's.
fn namespaces() -> Vec<String> {
    let told = ctr(&["namespaces", "ls", "-q"]);
    let ours = told.lines().filter(|name| name.starts_with("plimsoll-"));
    ours.map(str::to_owned).collect()
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

#[test]
fn workloads_are_verified_on_every_target_and_a_killed_run_is_reaped_by_the_next() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../workloads");
    let binaries =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../target/workloads/native");
    let mut cases = conformance::workloads(&folder).expect("the table of workloads is readable");
    cases.retain(|case| ["hello", "handler"].contains(&case.workload.id.as_str()));
    for case in &mut cases {
        case.workload.native = Some(binaries.join(case.workload.id.as_str()));
    }
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let exercised = conformance::check(adapter(), &cases, scratch.path())
        .unwrap_or_else(|violations| panic!("{violations}"));
    for one in &exercised {
        println!("{one:?}");
        assert!(matches!(one.went, Went::Verified(_)), "{one:?}");
    }
    assert_eq!(
        exercised.len(),
        3 * cases.len(),
        "a target is missing: bench setup containerd"
    );
    assert_eq!(namespaces(), Vec::<String>::new());

    // Killed in the middle: its namespace stays, until the next adapter starts.
    let mut child = Command::new(adapter())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the adapter starts");
    let idle = conformance::workloads(&folder).expect("just read");
    let mut idle = idle
        .into_iter()
        .filter(|case| case.workload.id.as_str() == "idle");
    let mut workload = idle.next().expect("idle is a workload").workload;
    workload.native = Some(binaries.join("hello"));
    let pair = serde_json::json!({
        "target": "containerd/runc", "workload": workload, "scratch": scratch.path(),
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
    eventually("a namespace", || !namespaces().is_empty());
    let left = namespaces().remove(0);
    eventually("a container", || {
        !ctr(&["--namespace", &left, "containers", "ls", "-q"])
            .trim()
            .is_empty()
    });
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert_eq!(namespaces(), [left]);
    let mut next = Command::new(adapter())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the adapter starts");
    eventually("the reaping", || namespaces().is_empty());
    drop(next.stdin.take());
    assert!(next.wait().expect("it ends").success());
}
