//! `bench history` on recorded runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::checkout::Checkout;

/// A run as its two files, for changing them.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) run: Value,
    pub(crate) lines: Vec<Value>,
}

/// A real run of two targets, six trials each, under the name `id`.
pub(crate) fn recorded(id: &str) -> Files {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("analysis/tests/data/min-base");
    let read = |name: &str| fs::read_to_string(fixture.join(name)).expect("the fixture");
    let mut run: Value = serde_json::from_str(&read("run.json")).expect("JSON");
    run["id"] = json!(id);
    let samples = read("samples.ndjson");
    let lines = samples.lines();
    Files {
        run,
        lines: lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect(),
    }
}

/// The trials of target keel in it.
pub(crate) const KEEL: [u64; 6] = [1, 3, 5, 6, 8, 11];

/// Turns the outcome of a trial into a crash.
pub(crate) fn crash(line: &mut Value) {
    if line["type"] == "outcome" {
        line["status"] = json!("failed");
        line["kind"] = json!("crashed");
        line["message"] = json!("was killed by SIGSEGV");
        line["stderr"] = json!("");
    }
}

impl Files {
    pub(crate) fn write(&self, directory: &Path) {
        fs::create_dir_all(directory).expect("made");
        fs::write(directory.join("run.json"), self.run.to_string()).expect("written");
        let lines = self.lines.iter().map(|line| format!("{line}\n"));
        fs::write(directory.join("samples.ndjson"), lines.collect::<String>()).expect("written");
    }

    /// The same run started at that minute, with every sample multiplied by `factor`.
    fn at(mut self, minute: usize, factor: f64) -> Self {
        self.run["started"] = json!(format!(
            "2026-11-30T{:02}:{:02}:00Z",
            minute / 60,
            minute % 60
        ));
        for line in &mut self.lines {
            if let Some(value) = line["value"].as_u64() {
                line["value"] = json!((value as f64 * factor).round() as u64);
            }
        }
        self
    }

    fn only(mut self, target: &str) -> Self {
        let plan = self.run["plan"].as_array_mut().expect("a plan");
        plan.retain(|trial| trial["target"] == target);
        let kept: Vec<Value> = plan.iter().map(|trial| trial["index"].clone()).collect();
        self.lines.retain(|line| kept.contains(&line["trial"]));
        let targets = self.run["targets"].as_array_mut().expect("targets");
        targets.retain(|one| one["target"] == target);
        self
    }
}

fn names(export: &str) -> Vec<String> {
    let rows: Vec<Value> = serde_json::from_str(export).expect("an array");
    let name = |row: &Value| row["name"].as_str().expect("a name").to_owned();
    rows.iter().map(name).collect()
}

const GITHUB: [&str; 4] = ["history", "runs", "--export", "github-action-benchmark"];

#[test]
fn an_analysis_is_cached_beside_its_run() {
    let checkout = Checkout::new();
    recorded("a").at(1, 1.0).write(&checkout.path("runs/a"));
    recorded("b").at(2, 1.01).write(&checkout.path("runs/b"));
    let (code, table, stderr) = checkout.run(&["history", "runs"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        table.contains("coldstart hello keel L3 wall_time") && table.contains("no change shown"),
        "{table}"
    );
    let cache = checkout.path("runs/a/analysis.json");
    assert!(cache.is_file());
    // A damaged cache, or one of another version, is computed again.
    for text in ["no JSON at all", r#"{"schema": "plimsoll.analysis/9"}"#] {
        fs::write(&cache, text).expect("written");
        let again = checkout.run(&["history", "runs"]);
        assert_eq!(again, (0, table.clone(), String::new()));
    }
    let (code, again, _) = checkout.run(&["history", "runs", "--rebuild"]);
    assert_eq!((code, again), (0, table.clone()));
    // A changed run is read again.
    recorded("b").at(2, 2.0).write(&checkout.path("runs/b"));
    assert_ne!(checkout.run(&["history", "runs"]).1, table);
}

#[test]
fn what_cannot_be_read_or_written_ends_nothing() {
    let checkout = Checkout::new();
    recorded("a").at(1, 1.0).write(&checkout.path("runs/a"));
    checkout.write("runs/c/run.json", "{");
    // A folder in its place, because root may write anywhere.
    fs::create_dir_all(checkout.path("runs/a/analysis.json")).expect("made");
    let read_only = fs::Permissions::from_mode(0o555);
    fs::set_permissions(checkout.path("runs/a"), read_only).expect("set");
    let (code, table, stderr) = checkout.run(&["history", "runs"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(table.contains("hello keel L3"), "{table}");
    assert!(
        stderr.contains("skipped") && stderr.contains("damaged"),
        "{stderr}"
    );
    assert!(stderr.contains("cannot write analysis.json"), "{stderr}");
    assert!(checkout.path("runs/a/analysis.json").is_dir());
    let writable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(checkout.path("runs/a"), writable).expect("set");
    assert_eq!(checkout.run(&["history", "nowhere"]).0, 2);
    assert_eq!(checkout.run(&["history", "workloads"]).0, 2);
}

#[test]
fn a_copy_of_a_run_counts_once() {
    let checkout = Checkout::new();
    for folder in ["a", "b", "c"] {
        recorded("one")
            .at(1, 1.0)
            .write(&checkout.path(&format!("runs/{folder}")));
    }
    let (_, table, stderr) = checkout.run(&["history", "runs", "--runs"]);
    assert_eq!(table.matches("6 trials").count(), 6, "{table}");
    assert!(stderr.contains("counted once"), "{stderr}");
}

#[test]
fn two_suites_have_two_names_and_lose_nothing() {
    let checkout = Checkout::new();
    recorded("cold")
        .at(1, 1.0)
        .write(&checkout.path("runs/cold"));
    let mut lang = recorded("lang").at(2, 1.0);
    lang.run["suite"] = json!("languages");
    lang.write(&checkout.path("runs/lang"));
    let (_, bmf, _) = checkout.run(&["history", "runs", "--export", "bmf"]);
    let bmf: Value = serde_json::from_str(&bmf).expect("JSON");
    let metric = |name: &str| bmf[name]["wall-time-ns"]["value"].as_f64();
    assert!(metric("coldstart hello keel L3").is_some(), "{bmf}");
    assert_eq!(
        metric("coldstart hello keel L3"),
        metric("languages hello keel L3")
    );
    let mut found = names(&checkout.run(&GITHUB).1);
    assert_eq!(found.len(), 12);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 12);
}

#[test]
fn an_export_holds_what_the_newest_run_measured() {
    let checkout = Checkout::new();
    recorded("old").at(1, 1.0).write(&checkout.path("runs/old"));
    recorded("new")
        .at(20, 1.0)
        .only("native")
        .write(&checkout.path("runs/new"));
    let found = names(&checkout.run(&GITHUB).1);
    assert_eq!(found.len(), 3);
    assert!(
        found
            .iter()
            .all(|name| name.starts_with("coldstart hello native"))
    );
}

#[test]
fn unlike_runs_are_series_of_their_own() {
    type Change = (&'static str, fn(&mut Value), &'static str);
    let changes: [Change; 7] = [
        (
            "engine",
            |run| run["targets"][1]["engine_version"] = json!("9"),
            "the engine: keel 0.1.0",
        ),
        (
            "program",
            |run| run["workloads"][0]["wasm_sha256"] = json!("ff"),
            "the program: 4e4666d5ef2d",
        ),
        (
            "kernel",
            |run| run["environment"]["kernel"] = json!("Linux 99"),
            "the kernel: Linux 6",
        ),
        (
            "governor",
            |run| run["environment"]["governor"] = json!("powersave"),
            "the frequency governor: unknown",
        ),
        (
            "layout",
            |run| run["environment"]["aslr"] = json!("0"),
            "address space randomisation: 2",
        ),
        (
            "pages",
            |run| run["environment"]["transparent_hugepages"] = json!("never"),
            "transparent huge pages",
        ),
        (
            "denoise",
            |run| {
                let note =
                    json!({"subject": "denoise: priority", "found": "set", "severity": "good"});
                run["preflight"].as_array_mut().expect("notes").push(note);
            },
            "noise reduction: without --denoise",
        ),
    ];
    for (name, change, said) in changes {
        let checkout = Checkout::new();
        recorded("a").at(1, 1.0).write(&checkout.path("runs/a"));
        let mut other = recorded("b").at(2, 1.01);
        change(&mut other.run);
        other.write(&checkout.path("runs/b"));
        let (_, table, stderr) = checkout.run(&["history", "runs", "--target", "keel"]);
        assert!(table.contains(said), "{name}: {table}{stderr}");
        let (_, runs, _) = checkout.run(&["history", "runs", "--target", "keel", "--runs"]);
        assert_eq!(runs.matches("keel L3").count(), 2, "{name}: {runs}");
    }
}

#[test]
fn a_machine_can_be_chosen() {
    let checkout = Checkout::new();
    let mut elsewhere = recorded("a").at(1, 1.0);
    elsewhere.run["environment"]["cpu_model"] = json!("a quick one");
    elsewhere.write(&checkout.path("runs/a"));
    recorded("b").at(2, 1.0).write(&checkout.path("runs/b"));
    let (_, table, stderr) = checkout.run(&["history", "runs", "--runs"]);
    assert_eq!(table.matches("6 trials").count(), 6, "{table}");
    assert!(stderr.contains("a quick one"), "{stderr}");
    let (code, _, stderr) = checkout.run(&["history", "runs", "--machine", "quick"]);
    assert!(code == 0 && stderr.contains("AMD EPYC"), "{stderr}");
    assert_eq!(checkout.run(&["history", "runs", "--machine", "none"]).0, 2);
    assert_eq!(checkout.run(&["history", "runs", "--machine", "*"]).0, 2);
}

#[test]
fn machines_of_one_type_are_told_apart_by_their_identity() {
    let checkout = Checkout::new();
    // A restart changes the boot; a clone shares the id and has another name.
    for (run, name, id, boot) in [
        ("a", "one", "x", "1"),
        ("b", "one", "x", "2"),
        ("c", "clone", "x", "3"),
    ] {
        let mut files = recorded(run).at(run.len(), 1.0);
        files.run["environment"]["identity"] = json!({"name": name, "id": id, "boot": boot});
        files.write(&checkout.path(&format!("runs/{run}")));
    }
    let trials = |args: &[&str]| {
        let (code, table, stderr) = checkout.run(args);
        assert_eq!(code, 0, "{stderr}");
        (table.matches("6 trials").count(), stderr)
    };
    let chosen = ["history", "runs", "--runs", "--machine", "(one)"];
    let (count, stderr) = trials(&chosen);
    assert!(
        count == 12 && stderr.contains("(clone)"),
        "{count} {stderr}"
    );
    assert_eq!(
        trials(&["history", "runs", "--runs", "--machine", "(clone)"]).0,
        6
    );
    // Together only by request, with a warning.
    let (count, stderr) = trials(&["history", "runs", "--runs", "--machine", "EPYC"]);
    assert!(
        count == 18 && stderr.contains("a change of machine"),
        "{count} {stderr}"
    );
}

#[test]
fn six_runs_after_a_threefold_step_show_it() {
    let checkout = Checkout::new();
    for run in 0..36 {
        let spread = 1.0 + 0.004 * ((run * 7) % 13) as f64;
        let level = if run < 30 { 1.0 } else { 3.0 };
        recorded(&format!("run-{run:02}"))
            .at(run, level * spread)
            .write(&checkout.path(&format!("runs/{run:02}")));
    }
    let (_, table, stderr) = checkout.run(&["history", "runs"]);
    assert_eq!(
        table.matches("% since run-30").count(),
        6,
        "{table}{stderr}"
    );
}
