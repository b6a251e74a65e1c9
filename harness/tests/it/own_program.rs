//! The user's own programs, and listed plans.

use std::fs;

use serde_json::Value;

use crate::checkout::{Checkout, outcomes};

/// A checkout with a module, and a native program that runs `script`.
fn with_program(script: &str) -> Checkout {
    let checkout = Checkout::new();
    let module = checkout.path("mine.wasm");
    fs::write(module, b"\0asm\x01\0\0\0").expect("written");
    checkout.program("mine", script);
    checkout
}

fn measure(checkout: &Checkout, args: &[&str]) -> (i32, String, String) {
    let all = [
        &[
            "run",
            "--wasm",
            "mine.wasm",
            "--native",
            "mine",
            "--target",
            "fake/process",
        ][..],
        &["--trials", "2", "--out", "run"],
        args,
    ]
    .concat();
    checkout.run(&all)
}

fn recorded(checkout: &Checkout) -> Value {
    let text = fs::read_to_string(checkout.path("run/run.json")).expect("recorded");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn standard_input_is_the_file_that_is_named() {
    let checkout = with_program("cat");
    checkout.write("in.txt", "from the file\n");
    let (code, _, stderr) = measure(&checkout, &["--stdin", "in.txt"]);
    assert_eq!(code, 0, "{stderr}");
    let run = recorded(&checkout);
    let given = &run["workloads"][0]["given"]["--stdin, SHA-256"];
    assert_eq!(given.as_str().map(str::len), Some(64), "{run}");
    // A run can only be resumed with the same input.
    let samples = fs::read_to_string(checkout.path("run/samples.ndjson")).expect("recorded");
    checkout.write("run/samples.ndjson", &samples[..samples.len() - 9]);
    checkout.write("in.txt", "another\n");
    let (code, _, stderr) = checkout.run(&["run", "--resume", "run"]);
    assert_eq!(code, 2, "{stderr}");
    checkout.write("in.txt", "from the file\n");
    let (code, _, stderr) = checkout.run(&["run", "--resume", "run"]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_preparing_command_runs_before_every_trial() {
    let checkout = with_program("echo ready");
    let (code, _, stderr) = measure(&checkout, &["--prepare", "echo once >> prepared.txt"]);
    assert_eq!(code, 0, "{stderr}");
    let prepared = fs::read_to_string(checkout.path("prepared.txt")).expect("written");
    let trials = outcomes(&checkout.path("run")).len();
    // One more for the reference output.
    assert_eq!(prepared.lines().count(), trials + 1);
}

#[test]
fn a_preparing_command_that_fails_is_a_mistake() {
    let checkout = with_program("echo ready");
    let (code, _, stderr) = measure(&checkout, &["--prepare", "exit 7"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("--prepare") && stderr.contains("code 7"),
        "{stderr}"
    );
}

#[test]
fn every_value_of_a_parameter_is_a_row() {
    let checkout = with_program("echo \"$1\"");
    let args = ["--param", "size=1,10,100", "--", "{size}"];
    let (code, stdout, stderr) = measure(&checkout, &args);
    assert_eq!(code, 0, "{stderr}");
    let run = recorded(&checkout);
    let workloads = run["workloads"].as_array().expect("a list");
    let ids: Vec<_> = workloads
        .iter()
        .filter_map(|one| one["workload"].as_str())
        .collect();
    assert_eq!(ids, ["mine@size=1", "mine@size=10", "mine@size=100"]);
    assert!(ids.iter().all(|id| stdout.contains(id)), "{stdout}");
    assert!(
        outcomes(&checkout.path("run"))
            .iter()
            .all(|one| one["status"] == "ok")
    );
}

#[test]
fn a_parameter_without_a_place_is_refused() {
    let checkout = with_program("echo");
    let (code, _, stderr) = measure(&checkout, &["--param", "size=1,2"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("{size} stands neither"), "{stderr}");
    let (code, _, stderr) = measure(&checkout, &["--env", "NO_VALUE"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("NAME=VALUE"), "{stderr}");
}

#[test]
fn a_plan_is_listed_and_nothing_is_measured() {
    let checkout = Checkout::new();
    let args = ["run", "--suite", "coldstart", "--trials", "3", "--list"];
    let (code, stdout, stderr) = checkout.run(&args);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("process 3, deploy 3"), "{stdout}");
    assert!(stdout.contains("no estimate"), "{stdout}");
    assert!(!checkout.path("results").exists(), "nothing is recorded");
    let (code, _, stderr) = checkout.run(&["run", "--suite", "coldstart", "--trials", "3"]);
    assert_eq!(code, 0, "{stderr}");
    let (code, stdout, stderr) = checkout.run(&[&args[..], &["--json"]].concat());
    assert_eq!(code, 0, "{stderr}");
    let plan: Value = serde_json::from_str(&stdout).expect("JSON");
    let latest = checkout.path("results/latest");
    assert_eq!(plan["trials"], outcomes(&latest).len());
    assert_eq!(plan["trials_without_estimate"], 0);
    assert!(
        plan["seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0),
        "{plan}"
    );
}

#[test]
fn metrics_are_listed_with_their_units() {
    let checkout = Checkout::new();
    let (code, stdout, _) = checkout.run(&["list", "metrics"]);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("transfer_bytes") && stdout.contains("bytes"),
        "{stdout}"
    );
    let (_, json, _) = checkout.run(&["list", "metrics", "--json"]);
    let rows: Vec<Value> = serde_json::from_str(&json).expect("JSON");
    assert_eq!(rows.len(), stdout.lines().count());
    assert!(
        stdout.lines().all(|line| line.chars().count() <= 100),
        "{stdout}"
    );
}
