//! Tests the kit with a real adapter process (the example `tape`).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use plimsoll_adapter::conformance::{self, Case, Went};
use plimsoll_adapter::protocol::{Grants, Reply, Request, Workload};
use plimsoll_adapter::record::{Step, WorkloadId};
use serde_json::{Value, json};

const HELLO: &str = "++++++++[>+++++++++<-]>.+.+++++++++++++++++++++++++++++.";

/// Path of the example, built in the same profile as this test.
fn tape() -> PathBuf {
    let mut path = std::env::current_exe().expect("the test's own path");
    path.pop();
    path.pop();
    path.join("examples/tape")
}

fn workload(folder: &Path, source: &str, args: &[&str]) -> Workload {
    let wasm = folder.join("program");
    fs::write(&wasm, source).expect("writing the program");
    Workload {
        id: WorkloadId::from("program"),
        wasm,
        native: None,
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        input: None,
        component: None,
        image: None,
        grants: Grants::default(),
    }
}

/// Sends these lines and end of file to the adapter, and returns its output.
fn said_to(lines: &[String]) -> Output {
    let mut child = Command::new(tape())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example adapter starts");
    let mut stdin = child.stdin.take().expect("its stdin");
    for line in lines {
        writeln!(stdin, "{line}").expect("it reads");
    }
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn replies(output: &Output) -> Vec<Reply> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a reply of the protocol"))
        .collect()
}

fn measure(workload: &Workload, scratch: &Path, step: Step) -> String {
    json!({
        "request": "measure", "target": "tape", "workload": workload, "scratch": scratch,
        "step": step, "iterations": 4, "budget": 1_000_000_000u64,
    })
    .to_string()
}

#[test]
fn the_example_adapter_keeps_the_protocol() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let case = Case {
        workload: workload(folder.path(), HELLO, &[]),
        exit_code: 0,
        stdout: "HIf".to_owned(),
    };
    let exercised = conformance::check(&tape(), &[case], &folder.path().join("scratch"))
        .unwrap_or_else(|violations| panic!("{violations}"));
    assert_eq!(exercised.len(), 3);
    assert!(
        exercised
            .iter()
            .all(|exercised| matches!(exercised.went, Went::Verified(Some(_))))
    );
}

#[test]
fn wrong_output_is_a_violation() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let case = Case {
        workload: workload(folder.path(), HELLO, &[]),
        exit_code: 0,
        stdout: "something else".to_owned(),
    };
    let violations = conformance::check(&tape(), &[case], &folder.path().join("scratch"))
        .expect_err("the output is wrong");
    assert_eq!(violations.0.len(), 3, "{violations}");
    assert!(violations.0[0].contains("wrong output"), "{violations}");
}

#[test]
fn a_program_that_is_no_adapter_violates_the_protocol() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for program in ["/bin/cat", "/bin/true", "/no/such/program"] {
        let violations = conformance::check(Path::new(program), &[], folder.path())
            .expect_err("it is no adapter");
        assert!(!violations.0.is_empty(), "{program}");
    }
}

#[test]
fn what_an_engine_prints_reaches_stderr_and_never_the_protocol() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let workload = workload(folder.path(), HELLO, &[]);
    let output = said_to(&[measure(&workload, folder.path(), Step::Compile)]);
    assert!(matches!(replies(&output).last(), Some(Reply::Done(_))));
    assert!(String::from_utf8_lossy(&output.stderr).contains("this must not reach the protocol"));
    assert!(output.status.success());
}

#[test]
fn a_panic_fails_that_request_and_no_other() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let panics = workload(folder.path(), HELLO, &["panic"]);
    let works = workload(folder.path(), HELLO, &[]);
    let output = said_to(&[
        measure(&panics, folder.path(), Step::Compile),
        measure(&works, folder.path(), Step::Compile),
    ]);
    let replies = replies(&output);
    let Reply::Failed { message, .. } = &replies[0] else {
        panic!("the panic was closed by {:?}", replies[0]);
    };
    assert!(message.contains("the guest asked for it"), "{message}");
    assert!(matches!(replies.last(), Some(Reply::Done(_))));
}

#[test]
fn a_trap_and_a_refused_module_are_failures_with_the_engines_words() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for (source, words) in [
        ("<+", "trap: command 1 is off the tape"),
        ("[", "never ends"),
    ] {
        let workload = workload(folder.path(), source, &[]);
        let output = said_to(&[measure(&workload, folder.path(), Step::Compile)]);
        let replies = replies(&output);
        assert!(
            matches!(&replies[..], [Reply::Failed { message, out_of_memory: false }] if message.contains(words)),
            "{replies:?}"
        );
    }
}

#[test]
fn an_adapter_started_by_hand_says_what_it_is() {
    let output = Command::new(tape())
        .arg("--help")
        .output()
        .expect("the example adapter starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("this is an adapter"));
    assert!(output.stdout.is_empty());
}

#[test]
fn the_published_schema_is_current() {
    let published =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol.schema.json"))
            .expect("the published schema");
    assert!(
        published == plimsoll_adapter::schema::json_schema_text(),
        "write it anew: cargo run -p plimsoll-adapter --example schema"
    );
}

/// A message, and the same message after this version has parsed and written it.
fn read_and_written(line: &str) -> (Value, Value) {
    let message: Value = serde_json::from_str(line).expect("JSON");
    let written = if message.get("request").is_some() {
        let request: Request = serde_json::from_str(line).expect("a request");
        serde_json::to_value(request)
    } else {
        let reply: Reply = serde_json::from_str(line).expect("a reply");
        serde_json::to_value(reply)
    };
    (message, written.expect("JSON"))
}

#[test]
fn messages_of_protocol_2_are_read_and_written_the_same() {
    for line in include_str!("messages/2.ndjson").lines() {
        let (message, written) = read_and_written(line);
        assert_eq!(written, message);
    }
}

#[test]
fn messages_of_protocol_1_are_read_by_their_old_names() {
    let first = include_str!("messages/1.ndjson").lines();
    let second = include_str!("messages/2.ndjson").lines();
    for (old, new) in first.zip(second) {
        let (old, mut written) = read_and_written(old);
        if old.get("protocol").is_some() {
            assert_eq!(written["protocol"], 1);
            written["protocol"] = 2.into();
        }
        assert_eq!(written, read_and_written(new).0);
    }
}
