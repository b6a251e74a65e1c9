//! Recorded runs are trustworthy: nothing old counts as new, nothing is lost, nothing is mixed up.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::checkout::{Checkout, FAKE, outcomes};

fn samples(checkout: &Checkout) -> String {
    fs::read_to_string(checkout.path("run/samples.ndjson")).expect("recorded")
}

/// Changes `run.json` of the run in `run`.
fn change_run(checkout: &Checkout, change: impl FnOnce(&mut Value)) {
    let text = fs::read_to_string(checkout.path("run/run.json")).expect("recorded");
    let mut run: Value = serde_json::from_str(&text).expect("JSON");
    change(&mut run);
    checkout.write("run/run.json", &run.to_string());
}

#[test]
fn samples_without_a_run_are_not_taken_for_a_new_runs() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--trials", "2"], &[]);
    assert_eq!(code, 0, "{stderr}");
    fs::remove_file(checkout.path("run/run.json")).expect("removed");
    let before = samples(&checkout);
    let (code, _, stderr) = checkout.measure(&["--trials", "2"], &[]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("samples.ndjson without a run.json"),
        "{stderr}"
    );
    assert_eq!(samples(&checkout), before, "left as it was");
}

#[test]
fn an_empty_sample_file_of_a_killed_run_is_no_obstacle() {
    let checkout = Checkout::new();
    checkout.write("run/samples.ndjson", "");
    checkout.write("run/run.json.partial", "{");
    let (code, _, stderr) = checkout.measure(&["--trials", "1"], &[]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_last_outcome_without_its_newline_counts_and_is_not_measured_again() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--trials", "2"], &[]);
    assert_eq!(code, 0, "{stderr}");
    let whole = samples(&checkout);
    checkout.write("run/samples.ndjson", whole.trim_end());
    let (code, _, stderr) = checkout.run(&["run", "--resume", "run"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(samples(&checkout), whole);
}

#[test]
fn a_torn_outcome_is_measured_again_once() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--trials", "2"], &[]);
    assert_eq!(code, 0, "{stderr}");
    let trials = checkout.outcomes().len();
    let whole = samples(&checkout);
    checkout.write("run/samples.ndjson", &whole[..whole.len() - 9]);
    let (code, _, stderr) = checkout.run(&["run", "--resume", "run"]);
    assert_eq!(code, 0, "{stderr}");
    let mut seen = BTreeMap::new();
    for outcome in checkout.outcomes() {
        *seen.entry(outcome["trial"].as_u64()).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), trials);
    assert!(seen.values().all(|&times| times == 1), "{seen:?}");
}

#[test]
fn an_outcome_that_stands_twice_is_counted_and_said() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--trials", "2"], &[]);
    assert_eq!(code, 0, "{stderr}");
    let whole = samples(&checkout);
    let trials = checkout.outcomes().len();
    checkout.write("run/samples.ndjson", &format!("{whole}{whole}"));
    let (_, _, stderr) = checkout.run(&["report", "run"]);
    assert!(stderr.contains(&format!("{trials} lines")), "{stderr}");
    assert!(stderr.contains("there twice"), "{stderr}");
}

#[test]
fn two_runs_of_one_second_have_a_folder_each() {
    let checkout = Checkout::new();
    let args = ["run", "--suite", "coldstart", "--trials", "1", "--wait"];
    let begin = || {
        let mut bench = checkout.bench(&args);
        bench.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    let children: Vec<_> = (0..3).map(|_| begin().expect("bench starts")).collect();
    for mut child in children {
        assert!(child.wait().expect("waited").success());
    }
    let entries = fs::read_dir(checkout.path("results")).expect("made");
    let runs: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !path.is_symlink())
        .collect();
    assert_eq!(runs.len(), 3, "{runs:?}");
    let whole = runs.iter().map(|run| outcomes(run).len());
    assert!(whole.clone().all(|trials| trials > 0), "{runs:?}");
    assert!(
        whole
            .collect::<Vec<_>>()
            .windows(2)
            .all(|two| two[0] == two[1])
    );
}

#[test]
fn a_machine_has_one_lock_wherever_tmpdir_points() {
    let checkout = Checkout::new();
    let elsewhere = checkout.path("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    let hangs = [("FAKE_MODE", "hang"), ("FAKE_STEP", "instantiate")];
    let args = [
        "run",
        "--suite",
        "coldstart",
        "--trials",
        "1",
        "--out",
        "run",
    ];
    let mut first = checkout.bench(&args);
    let first = first
        .envs(hangs)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut first = first.spawn().expect("bench starts");
    while !checkout.path("run/run.json").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let scratch = || fs::read_dir(checkout.path("target/bench-scratch")).map_or(0, Iterator::count);
    let args = [
        "run",
        "--suite",
        "coldstart",
        "--trials",
        "1",
        "--out",
        "other",
    ];
    let second = checkout.bench(&args).env("TMPDIR", &elsewhere).output();
    let second = second.expect("bench starts");
    let kept = scratch();
    first.kill().expect("killed");
    first.wait().expect("waited");
    let stderr = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_ne!(second.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("another run is measuring"), "{stderr}");
    assert_eq!(kept, 1, "the first run's scratch folder stays");
}

/// A checkout with a replaceable adapter.
fn with_own_adapter() -> (Checkout, std::path::PathBuf) {
    let checkout = Checkout::new();
    let script = fs::read_to_string(FAKE).expect("the adapter");
    let adapter = checkout.program("own-adapter", script.trim_start_matches("#!/bin/sh\n"));
    let table = fs::read_to_string(checkout.path("runtimes/targets.toml")).expect("the table");
    let own = adapter.to_str().expect("UTF-8");
    checkout.write("runtimes/targets.toml", &table.replace(FAKE, own));
    (checkout, adapter)
}

#[test]
fn a_run_does_not_continue_with_an_exchanged_adapter() {
    let (checkout, adapter) = with_own_adapter();
    let (code, _, stderr) = checkout.measure(&["--trials", "2"], &[]);
    assert_eq!(code, 0, "{stderr}");
    let whole = samples(&checkout);
    let cut = whole[..whole.len() - 9].rfind('\n').expect("lines") + 1;
    checkout.write("run/samples.ndjson", &whole[..cut]);
    let script = fs::read_to_string(&adapter).expect("the adapter");
    fs::write(&adapter, format!("{script}# of the same version\n")).expect("exchanged");
    let (code, _, stderr) = checkout.run(&["run", "--resume", "run"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("adapter fake is not the one"), "{stderr}");
    fs::write(&adapter, script).expect("brought back");
    let (code, _, stderr) = checkout.run(&["run", "--resume", "run"]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_run_does_not_continue_with_an_exchanged_native_program() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--trials", "2"], &[]);
    assert_eq!(code, 0, "{stderr}");
    let whole = samples(&checkout);
    checkout.write("run/samples.ndjson", &whole[..whole.len() - 9]);
    checkout.program(
        "target/workloads/native/hello",
        "printf 'hello\\n' # faster",
    );
    let (code, _, stderr) = checkout.run(&["run", "--resume", "run"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("cannot be continued"), "{stderr}");
}

#[test]
fn a_run_does_not_continue_with_what_a_compiler_made_otherwise() {
    let checkout = Checkout::new();
    let code = |what| [("FAKE_CODE", what)];
    let (ended, _, stderr) = checkout.measure(&["--trials", "2"], &code("one"));
    assert_eq!(ended, 0, "{stderr}");
    let whole = samples(&checkout);
    checkout.write("run/samples.ndjson", &whole[..whole.len() / 2]);
    let resume = |what| {
        let mut bench = checkout.bench(&["run", "--resume", "run"]);
        let output = bench.envs(code(what)).output().expect("bench starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let (ended, stderr) = resume("another");
    assert_eq!(ended, Some(2), "{stderr}");
    assert!(
        stderr.contains("artefact fake/process: hello is not the one"),
        "{stderr}"
    );
    let (ended, stderr) = resume("one");
    assert_eq!(ended, Some(0), "{stderr}");
}

#[test]
fn a_run_that_two_continue_at_once_has_each_trial_once() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--trials", "40"], &[]);
    assert_eq!(code, 0, "{stderr}");
    checkout.write("run/samples.ndjson", "");
    let resume = || {
        let mut bench = checkout.bench(&["run", "--resume", "run", "--wait"]);
        let bench = bench.stdout(Stdio::null()).stderr(Stdio::piped());
        bench.spawn().expect("bench starts")
    };
    for child in [resume(), resume()] {
        let output = child.wait_with_output().expect("waited");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
    }
    let mut trials: Vec<String> = outcomes(&checkout.path("run"))
        .iter()
        .map(|line| line["trial"].to_string())
        .collect();
    let all = trials.len();
    trials.sort();
    trials.dedup();
    assert_eq!(trials.len(), all, "some trials were done twice");
}

#[test]
fn every_program_that_takes_part_is_recorded_by_its_hash() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--trials", "1"], &[]);
    assert_eq!(code, 0, "{stderr}");
    let text = fs::read_to_string(checkout.path("run/run.json")).expect("recorded");
    let run: Value = serde_json::from_str(&text).expect("JSON");
    let programs = run["programs"].as_array().expect("a list");
    let named = |role: &str, name: &str| {
        let mut found = programs.iter();
        let found = found.find(|one| one["role"] == role && one["name"] == name);
        let sha256 = found.and_then(|one| one["sha256"].as_str());
        sha256.is_some_and(|sha256| sha256.len() == 64)
    };
    assert!(named("bench", "bench"), "{programs:?}");
    assert!(named("adapter", "fake"), "{programs:?}");
    assert!(named("runner", "fake/process: hello"), "{programs:?}");
}

#[test]
fn a_program_exchanged_while_a_run_measures_stops_it() {
    let (checkout, adapter) = with_own_adapter();
    let args = [
        "run",
        "--suite",
        "coldstart",
        "--trials",
        "60",
        "--out",
        "run",
    ];
    let mut bench = checkout.bench(&args);
    let bench = bench.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = bench.spawn().expect("bench starts");
    while outcomes(&checkout.path("run")).len() < 5 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let script = fs::read_to_string(&adapter).expect("the adapter");
    // Beside it and renamed over it: what is being started cannot be written to.
    let other = checkout.program("another", script.trim_start_matches("#!/bin/sh\n"));
    fs::write(&other, format!("{script}# another\n")).expect("written");
    fs::rename(&other, &adapter).expect("exchanged");
    let output = child.wait_with_output().expect("waited");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("was exchanged while the run measured"),
        "{stderr}"
    );
}

#[test]
fn a_plan_with_an_index_twice_is_refused() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--trials", "1"], &[]);
    assert_eq!(code, 0, "{stderr}");
    change_run(&checkout, |run| {
        run["plan"][1]["index"] = run["plan"][0]["index"].clone()
    });
    let (code, _, stderr) = checkout.run(&["report", "run"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("stands in its plan twice"), "{stderr}");
}

#[test]
fn damaged_histograms_are_counted_and_said() {
    let checkout = Checkout::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs/1/serve");
    let run = fs::read_to_string(fixture.join("run.json")).expect("the fixture");
    checkout.write("run/run.json", &run);
    let text = fs::read_to_string(fixture.join("samples.ndjson")).expect("the fixture");
    let histograms = text.lines().filter(|line| line.contains("\"v2\":")).count();
    assert!(histograms > 1, "the fixture has some");
    checkout.write(
        "run/samples.ndjson",
        &text.replacen("\"v2\":\"HISTF", "\"v2\":\"?", 2),
    );
    let (_, stdout, stderr) = checkout.run(&["report", "run"]);
    assert!(
        stderr.contains("2 histograms of samples.ndjson: damaged"),
        "{stderr}"
    );
    // Also next to the values, in every format.
    let damaged = "does not count: the histogram at";
    assert!(stdout.contains(damaged), "{stdout}");
    for form in ["--csv", "--json", "--markdown"] {
        let (_, stdout, _) = checkout.run(&["report", "run", form]);
        assert!(stdout.contains(damaged), "{form}: {stdout}");
    }
}

#[test]
fn what_a_terminal_obeys_never_reaches_it_from_a_run_or_a_guest() {
    let checkout = Checkout::new();
    checkout.program(
        "target/workloads/native/hello",
        "printf 'bad \\033[2J\\033]0;owned\\007 \\342\\200\\256txt' >&2; exit 3",
    );
    let (code, stdout, stderr) = checkout.measure(&["--trials", "1"], &[]);
    assert_eq!(code, 3, "{stderr}");
    let obeyed = |text: &str| text.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{9b}']);
    assert!(
        !obeyed(&stdout) && !obeyed(&stderr),
        "{stdout:?} {stderr:?}"
    );
    assert!(
        stderr.contains("\\u{1b}[2J"),
        "shown as an escape: {stderr}"
    );
    change_run(&checkout, |run| {
        run["workloads"][0]["title"] = "a\u{1b}[31m\u{202e}title\u{9b}1m\r\nforged".into();
    });
    for form in [
        &["report", "run"][..],
        &["report", "run", "--markdown"],
        &["compare", "run", "run"],
    ] {
        let (_, stdout, stderr) = checkout.run(form);
        assert!(
            !obeyed(&stdout) && !obeyed(&stderr),
            "{form:?}: {stdout:?} {stderr:?}"
        );
    }
}

#[test]
fn a_guests_bytes_are_compared_as_bytes() {
    let checkout = Checkout::new();
    let right = [("FAKE_OUTPUT", "not text"), ("FAKE_BASE64", "aGVsbG8K")];
    let args = [
        "--trials",
        "1",
        "--workload",
        "hello",
        "--target",
        "fake/engine",
    ];
    let (code, _, stderr) = checkout.measure(&args, &right);
    assert_eq!(code, 0, "{stderr}");
    fs::remove_dir_all(checkout.path("run")).expect("removed");
    let wrong = [("FAKE_BASE64", "aGVsbG//")];
    let (code, _, stderr) = checkout.measure(&args, &wrong);
    assert_eq!(code, 3, "{stderr}");
    assert!(
        checkout
            .outcomes()
            .iter()
            .all(|one| one["status"] == "wrong-output")
    );
}

#[test]
fn an_exit_code_is_the_one_that_a_parent_process_sees() {
    let checkout = Checkout::new();
    let args = [
        "--trials",
        "1",
        "--workload",
        "hello",
        "--target",
        "fake/engine",
    ];
    let (code, _, stderr) = checkout.measure(&args, &[("FAKE_EXIT", "256")]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_path_that_is_not_utf_8_is_an_error_in_words() {
    let checkout = Checkout::new();
    let folder = checkout
        .path("run")
        .with_file_name(OsStr::from_bytes(b"\xff\xfe"));
    fs::create_dir(&folder).expect("made");
    let wasm = folder.join("x.wasm");
    fs::write(&wasm, b"\0asm\x01\0\0\0").expect("written");
    let mut bench = checkout.bench(&["run", "--wasm"]);
    let output = bench.arg(&wasm).output().expect("bench starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("UTF-8"), "{stderr}");
    let mut bench = checkout.bench(&["run", "--suite", "coldstart", "--trials", "1", "--out"]);
    let output = bench
        .arg(folder.join("run"))
        .output()
        .expect("bench starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(output.status.code(), Some(0), "{stderr}");
}
