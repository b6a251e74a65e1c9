//! `bench gate` on adapters that are shell scripts with constant values.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::checkout::{Checkout, FAKE};
use crate::history::{KEEL, crash, recorded};

const ARGS: [&str; 7] = [
    "gate",
    "--target",
    "fake/engine",
    "--blocks",
    "8",
    "--seed",
    "1",
];

fn gate(checkout: &Checkout, args: &[&str]) -> (i32, String, String) {
    checkout.run(&[&ARGS[..], args].concat())
}

/// The fake adapter with one value replaced.
fn altered(checkout: &Checkout, name: &str, from: &str, to: &str) -> String {
    let script = fs::read_to_string(FAKE).expect("the adapter can be read");
    let script = script.replace(from, to);
    let path = checkout.program(name, script.trim_start_matches("#!/bin/sh\n"));
    path.to_string_lossy().into_owned()
}

fn report(checkout: &Checkout, directory: &str) -> Value {
    let text = fs::read_to_string(checkout.path(directory).join("gate.json")).expect("written");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_same_adapter_twice_holds_and_leaves_every_form_of_its_report() {
    let checkout = Checkout::new();
    let args = [
        &ARGS[..],
        &[
            "--suite",
            "coldstart",
            "--out",
            "gated",
            "--junit",
            "results.xml",
        ],
    ];
    let mut command = checkout.bench(&args.concat());
    let output = command
        .env("GITHUB_STEP_SUMMARY", checkout.path("summary.md"))
        .output()
        .expect("bench starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let report = report(&checkout, "gated");
    assert_eq!(report["schema"], "plimsoll.gate/1");
    assert_eq!(report["verdict"], "held");
    assert_eq!(report["false_alarms"]["failed"], 0);
    let rows = report["rows"].as_array().expect("rows");
    assert!(
        rows.iter().all(|row| row["first"]["blocks"] == 8),
        "{rows:#?}"
    );
    let xml = fs::read_to_string(checkout.path("results.xml")).expect("written");
    let xml = roxmltree::Document::parse(&xml).expect("XML");
    assert_eq!(
        xml.root_element().attribute("tests"),
        Some(&*rows.len().to_string())
    );
    assert_eq!(xml.root_element().attribute("failures"), Some("0"));
    let summary = fs::read_to_string(checkout.path("summary.md")).expect("appended");
    assert!(
        summary.starts_with("<!-- bench gate -->\n## ") && summary.contains("bench gate: held"),
        "{summary}"
    );
    for arm in ["base", "again", "head"] {
        let (code, _, stderr) = checkout.run(&["report", &format!("gated/coldstart-1/{arm}")]);
        assert_eq!(code, 0, "{stderr}");
    }
}

#[test]
fn a_slower_head_is_measured_again_and_fails() {
    let checkout = Checkout::new();
    let slower = altered(
        &checkout,
        "slower",
        "sample L1 0 20000 && sample L1 1 21000",
        "sample L1 0 23000 && sample L1 1 24000",
    );
    let (code, stdout, stderr) = gate(
        &checkout,
        &[
            "--suite",
            "coldstart",
            "--head",
            &slower,
            "--out",
            "gated",
            "--markdown",
        ],
    );
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("measuring again what looks worse: fake/engine hello load"),
        "{stderr}"
    );
    assert!(stdout.contains("bench gate: regression"), "{stdout}");
    let report = report(&checkout, "gated");
    let verdict = |boundary: &str| {
        let rows = report["rows"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["boundary"] == boundary);
        row.map(|row| row["verdict"].clone()).expect("a row")
    };
    assert_eq!(
        (verdict("L0"), verdict("L1")),
        ("held".into(), "regression".into())
    );
    assert!(checkout.path("gated/coldstart-2/head/run.json").exists());
    let (code, _, _) = gate(&checkout, &["--suite", "coldstart", "--base", &slower]);
    assert_eq!(code, 0, "the other way round it is an improvement");
}

/// Runs git in a checkout, with a test identity.
fn git(checkout: &Checkout, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a test", "-c", "user.email=test@localhost"])
        .args(args)
        .current_dir(checkout.path(""))
        .output()
        .expect("git can be started");
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_commit_is_checked_out_beside_and_held_against_the_checkout_as_it_stands() {
    let checkout = Checkout::new();
    // The adapter is committed, so that base and head each have their own.
    let own = altered(&checkout, "adapter", "", "");
    let table = fs::read_to_string(checkout.path("runtimes/targets.toml")).expect("there");
    checkout.write("runtimes/targets.toml", &table.replace(FAKE, "adapter"));
    git(&checkout, &["init", "--quiet"]);
    git(&checkout, &["add", "adapter", "runtimes", "workloads"]);
    git(&checkout, &["commit", "--quiet", "--message", "base"]);
    let against_base = |out: &str| {
        let args = ["--suite", "coldstart", "--base-ref", "HEAD", "--out", out];
        gate(&checkout, &args)
    };
    let (code, _, stderr) = against_base("same");
    assert_eq!(code, 0, "{stderr}");
    let sha = git(&checkout, &["rev-parse", "HEAD"]);
    let tree = format!("target/gate/{}", &sha[..12]);
    assert!(
        stderr.contains(&format!("base: the checkout {tree}")),
        "{stderr}"
    );
    assert!(stderr.contains("head: this checkout"), "{stderr}");

    // Head becomes slower without a commit; the commit is unchanged.
    let script = fs::read_to_string(&own).expect("there");
    let slower = script.replace(
        "sample L1 0 20000 && sample L1 1 21000",
        "sample L1 0 26000 && sample L1 1 27000",
    );
    assert_ne!(script, slower);
    fs::write(&own, slower).expect("written");
    let (code, _, stderr) = against_base("slower");
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(report(&checkout, "slower")["verdict"], "regression");
    let base = fs::read_to_string(checkout.path(&tree).join("adapter")).expect("there");
    assert_eq!(base, script);
    // One work tree is reused for all gates against the same commit.
    assert_eq!(git(&checkout, &["worktree", "list"]).lines().count(), 2);
}

#[test]
fn what_cannot_be_told_fails_only_where_that_was_asked_for() {
    let checkout = Checkout::new();
    let few = ["--suite", "coldstart", "--blocks", "3"];
    let args = |more: &[&str]| {
        let all = ["gate", "--target", "fake/engine"];
        checkout.run(&[&all[..], &few, more].concat())
    };
    let (code, stdout, stderr) = args(&["--out", "a"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.contains("too few blocks") && stderr.contains("warning"),
        "{stderr}"
    );
    assert_eq!(args(&["--out", "b", "--strict"]).0, 3);
}

#[test]
fn what_makes_no_sense_is_exit_code_2_and_what_cannot_be_measured_3() {
    let checkout = Checkout::new();
    checkout.write("plain", "text");
    let silent = checkout.program("silent", "exit 0");
    let silent = silent.to_string_lossy();
    for (code, args, said) in [
        (2, &["--base", "nowhere"][..], "cannot gate nowhere"),
        (2, &["--base", "plain"], "neither a directory, nor a .wasm"),
        (2, &["--base", "workloads"], "neither a checkout"),
        (2, &["--base-ref", "nothing"], "git knows no commit"),
        (2, &["--suite", "serve"], "cannot be gated"),
        (2, &["--workload", "nope"], "no workload is called"),
        (2, &["--baseline", "nowhere"], "is not a run directory"),
        (2, &["--threshold", "lots"], "give a percentage"),
        (3, &["--head", &silent], "nothing was measured"),
    ] {
        let (found, _, stderr) = gate(&checkout, args);
        assert_eq!(found, code, "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}

#[test]
fn a_pinned_run_is_held_against_even_if_it_was_cut_short() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--target", "fake/engine", "--trials", "8"], &[]);
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = checkout.run(&["gate", "--baseline", "run", "--candidate", "run"]);
    assert_eq!(code, 0, "{stderr}");
    let samples = checkout.path("run/samples.ndjson");
    let text = fs::read_to_string(&samples).expect("read");
    fs::write(&samples, &text[..text.len() / 2]).expect("cut");
    let (code, stdout, stderr) = gate(&checkout, &["--suite", "coldstart", "--baseline", "run"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.contains("ended early") && stdout.contains("damaged"),
        "{stdout}"
    );
    let (code, _, stderr) = gate(&checkout, &["--suite", "size", "--baseline", "run"]);
    assert_eq!(
        (code, stderr.contains("add --suite coldstart")),
        (2, true),
        "{stderr}"
    );
}

#[test]
fn a_crashed_candidate_is_lost_and_fails() {
    let checkout = Checkout::new();
    let base = recorded("base");
    base.write(&checkout.path("base"));
    let mut crashed = recorded("crashed");
    for line in &mut crashed.lines {
        if KEEL.iter().any(|trial| line["trial"] == *trial) {
            crash(line);
        }
    }
    crashed.write(&checkout.path("crashed"));
    let args = |candidate| {
        [
            "gate",
            "--strict",
            "--baseline",
            "base",
            "--candidate",
            candidate,
        ]
    };
    let (code, stdout, stderr) = checkout.run(&args("crashed"));
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(
        stdout.contains("lost") && stdout.contains("SIGSEGV"),
        "{stdout}"
    );

    let mut elsewhere = recorded("elsewhere");
    elsewhere.run["environment"]["cpu_model"] = "another".into();
    elsewhere.write(&checkout.path("elsewhere"));
    let (code, stdout, stderr) = checkout.run(&args("elsewhere"));
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.contains("not judged"), "{stdout}");
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_measuring() {
    let checkout = Checkout::new();
    for option in ["--junit", "--markdown"] {
        let (code, _, stderr) = gate(&checkout, &["--suite", "coldstart", option, "nowhere/file"]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("nowhere is not a folder"), "{stderr}");
    }
    // Not even root makes files there.
    for (option, place) in [
        ("--junit", "/proc/file"),
        ("--markdown", "/proc/file"),
        ("--out", "/proc/folder"),
    ] {
        let (code, _, stderr) = gate(&checkout, &["--suite", "coldstart", option, place]);
        assert_eq!(code, 2, "{option}: {stderr}");
        let said = stderr.contains("cannot write") && stderr.contains("nothing was measured");
        assert!(said && !stderr.contains("base:"), "{option}: {stderr}");
    }
    let (code, _, stderr) = checkout.run(&["run", "--suite", "coldstart", "--out", "/proc/folder"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("name another folder with --out"),
        "{stderr}"
    );
    assert!(!checkout.path("results").exists());
}

#[test]
fn markdown_for_a_comment_is_short_marked_and_mentions_nobody() {
    let checkout = Checkout::new();
    let mut base = recorded("base");
    // A thousand rows do not fit into a comment.
    let (targets, plan, lines) = (
        base.run["targets"][1].clone(),
        base.run["plan"].clone(),
        base.lines.clone(),
    );
    for copy in 0..400u64 {
        let name = format!("@keel/{copy}#1");
        let mut target = targets.clone();
        target["target"] = name.clone().into();
        base.run["targets"]
            .as_array_mut()
            .expect("targets")
            .push(target);
        for trial in plan
            .as_array()
            .expect("a plan")
            .iter()
            .filter(|t| t["target"] == "keel")
        {
            let old = trial["index"].as_u64().expect("an index");
            let index = 100 + 20 * copy + old;
            let mut trial = trial.clone();
            trial["index"] = index.into();
            trial["target"] = name.clone().into();
            base.run["plan"].as_array_mut().expect("a plan").push(trial);
            for line in lines.iter().filter(|line| line["trial"] == old) {
                let mut line = line.clone();
                line["trial"] = index.into();
                base.lines.push(line);
            }
        }
    }
    base.write(&checkout.path("base"));
    let args = [
        "gate",
        "--baseline",
        "base",
        "--candidate",
        "base",
        "--markdown",
        "gate.md",
    ];
    let (code, _, stderr) = checkout.run(&args);
    assert_eq!(code, 0, "{stderr}");
    let text = fs::read_to_string(checkout.path("gate.md")).expect("written");
    assert!(text.starts_with("<!-- bench gate -->\n## "), "{text}");
    assert!(text.len() < 65_536, "{} bytes", text.len());
    assert!(text.contains("more are left out here"));
    assert!(!text.contains('@') && !text.contains("#1"));
}

/// A mock of GitHub's `gh`: one pull request, with comments as files named by their number.
const GH: &str = r#"
case "$*" in
  *--paginate*) grep -l '^<!-- bench gate -->' comments/* 2>/dev/null | sed 's/.*\///' ;;
  *PATCH*/comments/41*) cp "${6#body=@}" comments/41 ;;
  *POST*/issues/7/comments*) cp "${6#body=@}" comments/41 ;;
  *) exit 9 ;;
esac
"#;

#[test]
fn the_action_posts_one_comment_and_updates_it() {
    let checkout = Checkout::new();
    checkout.program("bin/gh", GH);
    checkout.write("comments/40", "> <!-- bench gate -->\nquoted by somebody\n");
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scripts/ci-examples/github-action/comment"
    );
    let comment = |text: &str| {
        checkout.write("gate.md", text);
        let path = format!(
            "{}:{}",
            checkout.path("bin").display(),
            std::env::var("PATH").expect("a PATH")
        );
        Command::new(script)
            .args(["owner/repository", "7", "gate.md"])
            .current_dir(checkout.path(""))
            .env("PATH", path)
            .status()
            .expect("it starts")
    };
    for verdict in ["held", "regression"] {
        let text = format!("<!-- bench gate -->\n## bench gate: {verdict}\n");
        assert!(comment(&text).success());
        let posted = fs::read_to_string(checkout.path("comments/41")).expect("posted");
        assert_eq!(posted, text);
    }
    assert_eq!(
        fs::read_dir(checkout.path("comments"))
            .expect("there")
            .count(),
        2
    );
    assert_eq!(comment("another text").code(), Some(2));
}
