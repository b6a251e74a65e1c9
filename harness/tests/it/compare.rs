//! `bench compare` on recorded runs.

use serde_json::{Value, json};

use crate::checkout::Checkout;
use crate::history::{Files, KEEL, crash, recorded};

/// Changes the files of a run.
type Change = fn(&mut Files);

/// A checkout with the run `base`, and changed copies of it by name.
fn runs(changed: &[(&str, Change)]) -> Checkout {
    let checkout = Checkout::new();
    recorded("base").write(&checkout.path("base"));
    for (name, change) in changed {
        let mut files = recorded(name);
        change(&mut files);
        files.write(&checkout.path(name));
    }
    checkout
}

fn slower(files: &mut Files) {
    for line in &mut files.lines {
        if let Some(value) = line["value"].as_u64() {
            line["value"] = json!(3 * value);
        }
    }
    // Otherwise the unchanged native program would show that the machine was slow.
    files.run["workloads"][0]["native_sha256"] = json!("ff");
}

fn crashed(files: &mut Files) {
    let lines = files.lines.iter_mut();
    for line in lines.filter(|line| KEEL.iter().any(|trial| line["trial"] == *trial)) {
        crash(line);
    }
}

fn crashed_once(files: &mut Files) {
    for line in files.lines.iter_mut().filter(|line| line["trial"] == 5) {
        crash(line);
    }
}

fn zero(files: &mut Files) {
    for line in &mut files.lines {
        if line["type"] == "sample" {
            line["value"] = json!(0);
        }
    }
}

#[test]
fn fail_on_turns_findings_into_exit_code_1() {
    let checkout = runs(&[
        ("same", |_| ()),
        ("slower", slower),
        ("crashed", crashed),
        ("once", crashed_once),
        ("zero", zero),
    ]);
    for (code, args) in [
        (0, &["base", "slower"][..]),
        (0, &["base", "same", "--fail-on", "regression"]),
        (0, &["base", "same", "--fail-on", "any"]),
        (1, &["base", "slower", "--fail-on", "regression"]),
        (0, &["slower", "base", "--fail-on", "regression"]),
        (1, &["slower", "base", "--fail-on", "any"]),
        (1, &["base", "crashed", "--fail-on", "regression"]),
        (0, &["crashed", "base", "--fail-on", "regression"]),
        (1, &["base", "once", "--fail-on", "regression"]),
        (0, &["once", "base", "--fail-on", "regression"]),
        (1, &["once", "base", "--fail-on", "any"]),
        (3, &["base", "zero", "--fail-on", "regression"]),
        (1, &["base", "same", "slower", "--fail-on", "regression"]),
        (2, &["base"]),
        (2, &["base", "--base", "base"]),
    ] {
        let (found, stdout, stderr) = checkout.run(&[&["compare"], args].concat());
        assert_eq!(found, code, "{args:?}: {stdout}{stderr}");
    }
}

#[test]
fn a_missing_row_says_which_side_lacks_it_and_why() {
    let checkout = runs(&[("crashed", crashed)]);
    let (_, text, _) = checkout.run(&["compare", "base", "crashed"]);
    assert!(
        text.contains("keel L3 wall_time: only the base has it; candidate: 6 of 6 trials failed")
            && text.contains("SIGSEGV"),
        "{text}"
    );
    let (_, text, _) = checkout.run(&["compare", "crashed", "base"]);
    assert!(
        text.contains("only the candidate has it; base: 6 of 6"),
        "{text}"
    );
    let checkout = runs(&[("once", crashed_once), ("zero", zero)]);
    let (_, text, _) = checkout.run(&["compare", "base", "once"]);
    assert!(
        text.contains("the candidate lost trials: 1 of 6 trials failed"),
        "{text}"
    );
    let (_, text, _) = checkout.run(&["compare", "zero", "base", "--json"]);
    assert!(text.contains("no ratio exists") && !text.contains("null,\n      \"verdict\""));
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["rows"], json!([]));
    assert_eq!(json["unmatched"].as_array().map(Vec::len), Some(6));
}

#[test]
fn whatever_differs_between_two_runs_is_a_warning() {
    type Change = (&'static str, fn(&mut Files), &'static str);
    let changes: [Change; 10] = [
        (
            "engine",
            |f| f.run["targets"][1]["engine_version"] = json!("9"),
            "the engine of keel differs: keel 0.1.0",
        ),
        (
            "setting",
            |f| f.run["targets"][1]["configuration"]["compiler"] = json!("none"),
            "the setting \"compiler\" of keel",
        ),
        (
            "memory",
            |f| f.run["environment"]["memory_bytes"] = json!(1),
            "the memory of the machine differs",
        ),
        (
            "aslr",
            |f| f.run["environment"]["aslr"] = json!("0"),
            "address space randomisation differs: 2",
        ),
        (
            "governor",
            |f| f.run["environment"]["governor"] = json!("powersave"),
            "the frequency governor differs",
        ),
        (
            "kernel",
            |f| f.run["environment"]["kernel"] = json!("Linux 99"),
            "the kernel differs",
        ),
        (
            "suite",
            |f| f.run["suite"] = json!("languages"),
            "the suite differs: coldstart in the base",
        ),
        (
            "program",
            |f| f.run["workloads"][0]["wasm_sha256"] = json!("ff"),
            "the .wasm of workload hello differs",
        ),
        (
            "version",
            |f| f.run["bench_version"] = json!("9"),
            "the version of bench differs",
        ),
        (
            "denoise",
            |f| {
                let note =
                    json!({"subject": "denoise: priority", "found": "set", "severity": "good"});
                f.run["preflight"].as_array_mut().expect("notes").push(note);
            },
            "noise reduction differs: without --denoise in the base",
        ),
    ];
    for (name, change, said) in changes {
        let checkout = runs(&[(name, change)]);
        let (_, text, _) = checkout.run(&["compare", "base", name]);
        assert!(text.contains(said), "{name}: {text}");
    }
}

#[test]
fn several_runs_stand_side_by_side_with_a_chosen_base() {
    let checkout = runs(&[("one", |_| ()), ("two", slower)]);
    let (code, text, _) = checkout.run(&["compare", "one", "two", "--base", "base"]);
    assert_eq!(code, 0);
    let row = text.lines().find(|line| line.starts_with("hello keel L3"));
    let row = row.expect("a row");
    assert!(row.contains("1.000") && row.contains("3.000 ↑"), "{text}");
    let (_, json, _) = checkout.run(&["compare", "base", "one", "two", "--json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json[1]["candidate"], "two");
    // The base itself is not a candidate.
    let (_, text, _) = checkout.run(&["compare", "base", "one", "--base", "base"]);
    assert!(text.contains("candidate over base"), "{text}");
}
