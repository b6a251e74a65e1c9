//! Any fault of an adapter becomes the outcome of its trial, and the run continues.

use std::process::Stdio;

use serde_json::Value;

use crate::checkout::{Checkout, outcomes};

/// Outcomes of the trials of `fake/engine` and of all others, after a run in which its step `load` misbehaves
/// as in `mode`.
fn misbehaving(mode: &str) -> (Vec<Value>, Vec<Value>, String) {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(
        &["--workload", "hello", "--trials", "2", "--deadline", "2"],
        &[("FAKE_MODE", mode), ("FAKE_STEP", "\"step\":\"load\"")],
    );
    assert_eq!(code, 3, "{stderr}");
    let outcomes = checkout.outcomes();
    assert_eq!(
        outcomes.len(),
        8,
        "every trial has an outcome: {outcomes:?}"
    );
    let (good, bad) = outcomes
        .into_iter()
        .partition(|line| line["status"] == "ok");
    (bad, good, stderr)
}

#[test]
fn an_adapter_that_misbehaves_loses_its_trials_and_no_other() {
    for (mode, kind, message) in [
        ("garbage", "protocol", "Segmentation fault (core dumped)"),
        ("hang", "deadline", "did not answer measure within 2s"),
        (
            "crash",
            "crashed",
            "was killed by signal 11 (SIGSEGV) in the middle of measure",
        ),
        ("exit", "crashed", "exited with code 7"),
        ("close", "crashed", "closed its stdout without ending"),
        ("failed", "engine", "the engine trapped"),
        ("out-of-memory", "out-of-memory", "no memory"),
        ("wrong-boundary", "protocol", "L6"),
        ("no-samples", "protocol", "no sample of step load"),
    ] {
        let (bad, good, stderr) = misbehaving(mode);
        assert_eq!((bad.len(), good.len()), (2, 6), "{mode}: {bad:?}");
        for outcome in &bad {
            assert_eq!(outcome["status"], "failed", "{mode}: {outcome}");
            assert_eq!(outcome["kind"], kind, "{mode}: {outcome}");
            let said = outcome["message"].as_str().expect("a message");
            assert!(said.contains(message), "{mode}: {said}");
            assert_eq!(outcome["stderr"], "measuring\n", "{mode}: {outcome}");
        }
        assert_eq!(
            stderr.matches("fake/engine hello load: failed").count(),
            1,
            "a cell's failure is told once: {stderr}"
        );
    }
}

#[test]
fn what_a_target_cannot_do_is_unsupported_and_no_failure() {
    let (bad, good, stderr) = misbehaving("unsupported");
    assert_eq!((bad.len(), good.len()), (2, 6));
    assert!(
        bad.iter()
            .all(|line| line["status"] == "unsupported"
                && line["reason"] == "it has no such feature")
    );
    assert!(
        stderr.contains("unsupported: it has no such feature"),
        "{stderr}"
    );
}

#[test]
fn a_wrong_output_scores_nothing() {
    let checkout = Checkout::new();
    let (code, stdout, _) = checkout.measure(
        &["--workload", "hello", "--trials", "2"],
        &[("FAKE_OUTPUT", "hullo\\n")],
    );
    assert_eq!(code, 3);
    assert!(stdout.contains("wrong"), "{stdout}");
    let wrong: Vec<Value> = checkout
        .outcomes()
        .into_iter()
        .filter(|line| line["status"] == "wrong-output")
        .collect();
    assert_eq!(wrong.len(), 4, "both steps of fake/engine, twice");
    assert_eq!(
        wrong[0]["message"],
        "in 2 of 2 guest runs: differs from the expected output at byte 1: \"ullo\" instead of \"ello\""
    );
    let (_, rows, _) = checkout.run(&["report", "run", "--json"]);
    let report: Value = serde_json::from_str(&rows).expect("a report is JSON");
    for row in report["rows"].as_array().expect("rows") {
        let engine = row["target"] == "fake/engine";
        assert_eq!(row["status"] == "wrong-output", engine, "{row}");
        assert_eq!(row["median"].is_null(), engine, "{row}");
    }
}

#[test]
fn a_guest_that_exits_with_a_code_has_a_wrong_output() {
    let checkout = Checkout::new();
    checkout.measure(
        &[
            "--workload",
            "hello",
            "--target",
            "fake/engine",
            "--trials",
            "1",
        ],
        &[("FAKE_MODE", "exit-code")],
    );
    let outcomes = checkout.outcomes();
    let wrong: Vec<_> = outcomes
        .iter()
        .filter(|line| line["status"] == "wrong-output")
        .collect();
    assert!(!wrong.is_empty(), "{outcomes:?}");
    assert!(
        wrong[0]["message"]
            .as_str()
            .is_some_and(|m| m.contains("exited with code 3"))
    );
}

#[test]
fn a_program_that_fails_prints_something_else_or_hangs_is_told_apart() {
    for (script, status, said) in [
        (
            "echo other",
            "wrong-output",
            "differs from the expected output at byte 0",
        ),
        (
            "echo hello; echo more",
            "wrong-output",
            "printed 5 bytes too many",
        ),
        (
            "echo hello; exit 3",
            "failed",
            "exited with code 3 instead of 0",
        ),
        (
            "kill -KILL $$",
            "failed",
            "was killed by signal 9 (SIGKILL)",
        ),
        (
            "exec sleep 600",
            "failed",
            "did not end within 1s and was killed",
        ),
    ] {
        let checkout = Checkout::new();
        checkout.program("target/workloads/native/hello", script);
        let (code, _, stderr) = checkout.measure(
            &[
                "--workload",
                "hello",
                "--target",
                "fake/process",
                "--trials",
                "1",
                "--deadline",
                "1",
            ],
            &[],
        );
        assert_eq!(code, 3, "{stderr}");
        for outcome in checkout.outcomes() {
            assert_eq!(outcome["status"], status, "{script}: {outcome}");
            let message = outcome["message"].as_str().expect("a message");
            assert!(message.contains(said), "{script}: {message}");
        }
    }
}

#[test]
fn a_cell_that_always_hangs_is_given_up_after_three_deadlines() {
    let checkout = Checkout::new();
    checkout.program("target/workloads/native/hello", "exec sleep 600");
    checkout.measure(
        &[
            "--workload",
            "hello",
            "--target",
            "fake/process",
            "--trials",
            "5",
            "--deadline",
            "1",
        ],
        &[],
    );
    let outcomes = checkout.outcomes();
    assert_eq!(outcomes.len(), 10);
    let not_tried = outcomes
        .iter()
        .filter(|line| {
            line["message"]
                .as_str()
                .is_some_and(|m| m.starts_with("not tried"))
        })
        .count();
    assert_eq!(not_tried, 4, "two of five, for each of two steps");
    assert!(outcomes.iter().all(|line| line["kind"] == "deadline"));
}

#[test]
fn an_adapter_of_another_protocol_is_left_out_and_named() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--trials", "1"], &[("FAKE_PROTOCOL", "99")]);
    assert_eq!(code, 3, "{stderr}");
    assert!(
        stderr.contains("fake 1.0 speaks version 99 of the protocol, this bench speaks 2"),
        "{stderr}"
    );
}

#[test]
fn an_adapter_that_is_no_program_at_all_is_left_out_and_named() {
    let checkout = Checkout::new();
    checkout.program("broken", "exit 1");
    let table = std::fs::read_to_string(checkout.path("runtimes/targets.toml")).expect("there");
    let program = format!("program = '{}'", crate::checkout::FAKE);
    checkout.write(
        "runtimes/targets.toml",
        &table.replace(&program, "program = 'broken'"),
    );
    let (code, _, stderr) = checkout.measure(&["--trials", "1"], &[]);
    assert_eq!(code, 3, "{stderr}");
    assert!(
        stderr.contains("the adapter exited with code 1 in the middle of hello"),
        "{stderr}"
    );
    assert!(stderr.contains("nothing is left to measure"), "{stderr}");
}

#[test]
fn what_a_crowd_took_before_its_host_died_is_recorded_and_does_not_count() {
    let checkout = Checkout::new();
    let run = |out: &str, mode: &str| {
        let output = checkout
            .bench(&[
                "run",
                "--suite",
                "density",
                "--workload",
                "hello",
                "--target",
                "fake/engine",
                "--trials",
                "1",
                "--quick",
                "--out",
                out,
            ])
            .env("FAKE_MODE", mode)
            .env("FAKE_STEP", "\"step\":\"instances\"")
            .output()
            .expect("bench can be started");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let samples = std::fs::read_to_string(checkout.path(out).join("samples.ndjson"));
        (output.status.code(), stdout, samples.expect("recorded"))
    };
    let (code, stdout, samples) = run("died", "die-in-a-crowd");
    assert_eq!(code, Some(3), "{stdout}");
    assert!(stdout.contains("failed"), "{stdout}");
    assert_eq!(
        samples.matches("\"type\":\"sample\"").count(),
        2,
        "{samples}"
    );
    assert!(samples.contains("signal 9 (SIGKILL)"), "{samples}");

    let (code, stdout, _) = run("lived", "");
    assert_eq!(code, Some(0), "{stdout}");
    assert!(
        stdout.contains("5.00kB"),
        "a line through 1 and 10: {stdout}"
    );
}

#[test]
fn a_run_that_loses_its_folder_ends_at_once_and_says_so() {
    let checkout = Checkout::new();
    let args = "run --suite coldstart --trials 2000 --out run";
    let args: Vec<&str> = args.split(' ').collect();
    let mut bench = checkout.bench(&args);
    let bench = bench.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = bench.spawn().expect("bench starts");
    while outcomes(&checkout.path("run")).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::fs::rename(checkout.path("run"), checkout.path("moved")).expect("it can be moved");
    let output = child.wait_with_output().expect("waited");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("was removed or moved"), "{stderr}");
    assert!(!stderr.contains("stopped early"), "{stderr}");
    assert!(!checkout.path("run").exists());
    assert!(outcomes(&checkout.path("moved")).len() < 1000);
}
