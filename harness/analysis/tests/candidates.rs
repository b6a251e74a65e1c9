//! A gate against a recorded run: rows of damaged or different candidates never hold, each with a reason.
//!
//! `data/min-base` is a real run: two targets, one workload, six trials each.

#[path = "support/files.rs"]
mod files;

use plimsoll_analysis::gate::{GateReport, Job, Kind, Overall, RowVerdict, Settings, judge};
use plimsoll_record::{ReadError, Recorded};
use serde_json::{Value, json};

use files::Files;

const SETTINGS: Settings = Settings {
    threshold: 0.02,
    detect: 0.05,
    growth: 0.01,
};

fn gate(pinned: &Recorded, candidate: &Recorded) -> GateReport {
    judge(&Job {
        measured: Vec::new(),
        recorded: Some(candidate),
        passes: None,
        pinned: Some(pinned),
        targets: &[],
        settings: SETTINGS,
        base: "the pinned run".to_owned(),
        head: candidate.run.id.clone(),
    })
}

/// A name, the change to a candidate, the gate's outcome, and part of a reason or warning.
type Case = (&'static str, fn(&mut Files), Overall, &'static str);

const CRASHED: &str =
    r#"{"status": "failed", "kind": "crashed", "message": "was killed by SIGSEGV", "stderr": ""}"#;
const WRONG: &str = r#"{"status": "wrong-output", "message": "byte 3 differs"}"#;
const REFUSED: &str = r#"{"status": "unsupported", "reason": "no such proposal"}"#;

fn all_of_keel(files: &mut Files, outcome: &str) {
    let of = files.keel();
    files.fail(of, &serde_json::from_str(outcome).expect("JSON"));
}

fn one_of_keel(files: &mut Files, outcome: &str) {
    let of = files.keel();
    files.fail(
        |line| of(line) && line["trial"] == 5,
        &serde_json::from_str(outcome).expect("JSON"),
    );
}

const CASES: &[Case] = &[
    (
        "crashed",
        |f| all_of_keel(f, CRASHED),
        Overall::Regression,
        "SIGSEGV",
    ),
    (
        "crashed once",
        |f| one_of_keel(f, CRASHED),
        Overall::Regression,
        "1 of 6 trials failed",
    ),
    (
        "wrong output",
        |f| all_of_keel(f, WRONG),
        Overall::Regression,
        "byte 3 differs",
    ),
    (
        "wrong output once",
        |f| one_of_keel(f, WRONG),
        Overall::Regression,
        "gave a wrong output",
    ),
    (
        "refused",
        |f| all_of_keel(f, REFUSED),
        Overall::Regression,
        "no such proposal",
    ),
    (
        "renamed",
        |f| f.rename("keel", "heel"),
        Overall::Regression,
        "head has no target keel",
    ),
    (
        "another workload",
        |f| {
            for list in ["plan", "workloads"] {
                for entry in f.run[list].as_array_mut().expect("a list") {
                    entry["workload"] = json!("goodbye");
                }
            }
        },
        Overall::Regression,
        "head does not run workload hello",
    ),
    (
        "a boundary is gone",
        |f| f.lines.retain(|line| line["boundary"] != "L3"),
        Overall::Regression,
        "head has no such row",
    ),
    (
        "no lines at all",
        |f| f.lines.clear(),
        Overall::Regression,
        "6 of 6 trials were not reached",
    ),
    (
        "ten times as slow",
        |f| {
            let of = f.keel();
            f.scale(of, 10.0);
        },
        Overall::Regression,
        "times the pinned run",
    ),
    (
        "one trial, ten times as slow",
        |f| {
            let of = f.keel();
            f.scale(of, 10.0);
            f.keep_blocks(1);
        },
        Overall::Inconclusive,
        "1 trials on one side",
    ),
    (
        "one trial",
        |f| f.keep_blocks(1),
        Overall::Inconclusive,
        "1 trials on one side",
    ),
    (
        "all zero",
        |f| f.scale(|_| true, 0.0),
        Overall::NotJudged,
        "no ratio exists",
    ),
    (
        "one nanosecond in every trial",
        |f| {
            let of = f.keel();
            f.set(of, |_| 1);
        },
        Overall::NotJudged,
        "less than reading a clock takes",
    ),
    (
        "a few nanoseconds",
        |f| {
            let of = f.keel();
            f.set(of, |trial| 2 + trial);
        },
        Overall::NotJudged,
        "less than reading a clock takes",
    ),
    (
        "the same time in every trial",
        |f| {
            let of = f.keel();
            f.set(of, |_| 12_345);
        },
        Overall::NotJudged,
        "have the same value",
    ),
    (
        "cut in its middle",
        |f| f.lines.truncate(f.lines.len() / 2),
        Overall::Inconclusive,
        "have no outcome",
    ),
    (
        "a sample lost from a trial",
        |f| {
            let lost = f.lines.iter().position(|line| line["trial"] == 5);
            f.lines.remove(lost.expect("there"));
        },
        Overall::Inconclusive,
        "without this value",
    ),
    (
        "an outcome lost",
        |f| {
            f.lines
                .retain(|line| line["type"] == "sample" || line["trial"] != 5)
        },
        Overall::Inconclusive,
        "have no outcome",
    ),
    (
        "outcomes doubled",
        |f| {
            let again: Vec<Value> = f
                .lines
                .iter()
                .filter(|l| l["type"] == "outcome")
                .cloned()
                .collect();
            f.lines.extend(again);
        },
        Overall::Inconclusive,
        "repeat earlier ones",
    ),
    (
        "everything doubled",
        |f| f.lines.extend(f.lines.clone()),
        Overall::Inconclusive,
        "repeat earlier ones",
    ),
    (
        "samples doubled",
        |f| {
            f.lines = f
                .lines
                .iter()
                .flat_map(|l| vec![l.clone(); if l["type"] == "sample" { 2 } else { 1 }])
                .collect()
        },
        Overall::Inconclusive,
        "recorded twice",
    ),
    (
        "outcomes of no planned trial",
        |f| {
            let mut stray = f.lines.last().expect("lines").clone();
            stray["trial"] = json!(99);
            f.lines.push(stray);
        },
        Overall::Inconclusive,
        "belong to no planned trial",
    ),
    (
        "another processor",
        |f| f.run["environment"]["cpu_model"] = json!("another"),
        Overall::NotJudged,
        "the processor differs",
    ),
    (
        "another kernel",
        |f| f.run["environment"]["kernel"] = json!("another"),
        Overall::NotJudged,
        "the kernel differs",
    ),
    (
        "another distribution",
        |f| f.run["environment"]["os"] = json!("another"),
        Overall::NotJudged,
        "the distribution differs",
    ),
    (
        "no record of its programs",
        |f| f.run["workloads"] = json!([]),
        Overall::NotJudged,
        "the record of workload hello's programs differs",
    ),
    (
        "less memory",
        |f| f.run["environment"]["memory_bytes"] = json!(1u64 << 30),
        Overall::NotJudged,
        "the memory of the machine differs",
    ),
    (
        "another governor",
        |f| f.run["environment"]["governor"] = json!("powersave"),
        Overall::NotJudged,
        "the frequency governor differs",
    ),
    (
        "no address space randomisation",
        |f| f.run["environment"]["aslr"] = json!("0"),
        Overall::NotJudged,
        "address space randomisation differs",
    ),
    (
        "another engine under the same name",
        |f| f.run["targets"][1]["engine"] = json!("heel"),
        Overall::NotJudged,
        "the engine of keel differs",
    ),
    (
        "another version of the engine",
        |f| f.run["targets"][1]["engine_version"] = json!("0.2.0"),
        Overall::NotJudged,
        "the engine of keel differs",
    ),
    (
        "another kind of target",
        |f| f.run["targets"][1]["kind"] = json!("native"),
        Overall::NotJudged,
        "a native program in head",
    ),
    (
        "another program",
        |f| f.run["workloads"][0]["wasm_sha256"] = json!("ff"),
        Overall::NotJudged,
        "the .wasm of workload hello differs",
    ),
    (
        "another expected output",
        |f| f.run["workloads"][0]["expected_sha256"] = json!("ff"),
        Overall::NotJudged,
        "the expected output of workload hello differs",
    ),
    (
        "another suite",
        |f| f.run["suite"] = json!("memory"),
        Overall::NotJudged,
        "head is a run of suite memory",
    ),
    (
        "twenty times as fast",
        |f| {
            let of = f.keel();
            f.scale(of, 0.05);
        },
        Overall::NotJudged,
        "by a factor of 20",
    ),
    (
        "another unit",
        |f| {
            for line in &mut f.lines {
                if line["type"] == "sample" {
                    line["unit"] = json!("bytes");
                }
            }
        },
        Overall::Regression,
        "are damaged",
    ),
];

#[test]
fn damaged_and_unlike_candidates_are_never_held() {
    let pinned = Files::base().record();
    for (name, change, overall, said) in CASES {
        let mut files = Files::candidate();
        change(&mut files);
        let report = gate(&pinned, &files.record());
        assert_eq!(report.verdict, *overall, "{name}: {report:#?}");
        let mut told = report
            .rows
            .iter()
            .map(|row| &row.reason)
            .chain(&report.warnings);
        assert!(told.any(|text| text.contains(said)), "{name}: {report:#?}");
        for row in &report.rows {
            assert!(!row.reason.is_empty(), "{name}: {row:#?}");
        }
        // Rows of the other target may hold; none of keel's does.
        let holds = |target: &str| {
            let rows = report.rows.iter();
            rows.filter(|row| row.key.target.as_str() == target)
                .any(|row| matches!(row.verdict, RowVerdict::Held | RowVerdict::Improved))
        };
        assert!(!holds("keel"), "{name}: {report:#?}");
        // Every row of the base gets a verdict.
        let known = plimsoll_analysis::analyse(&pinned).rows;
        for row in known {
            let judged = report.rows.iter().find(|judged| {
                (
                    judged.key.target == row.target,
                    judged.key.boundary,
                    judged.key.metric,
                ) == (true, row.boundary, row.metric)
                    && judged.key.workload == row.workload
            });
            assert!(judged.is_some(), "{name}: no verdict on {row:?}");
        }
    }
}

#[test]
fn a_plan_with_doubled_indexes_is_refused() {
    let mut files = Files::candidate();
    let plan = files.run["plan"].as_array_mut().expect("a plan");
    plan.extend(plan.clone());
    let error = files.read_with(|text| text).expect_err("refused");
    assert!(matches!(error, ReadError::Plan { .. }), "{error}");
}

#[test]
fn new_rows_of_head_are_named() {
    let mut files = Files::candidate();
    files.rename("keel", "heel");
    let report = gate(&Files::base().record(), &files.record());
    let new: Vec<_> = report
        .rows
        .iter()
        .filter(|row| row.verdict == RowVerdict::New)
        .map(|row| row.key.target.as_str())
        .collect();
    assert_eq!(new, ["heel"; 3]);
}

#[test]
fn a_damaged_line_keeps_every_row_from_holding() {
    let (pinned, candidate) = (Files::base().record(), Files::base());
    let candidate = candidate.record_with(|text| text + "{\"type\": \"sample\", \"trial\"");
    let report = gate(&pinned, &candidate);
    assert_eq!(report.verdict, Overall::Inconclusive, "{report:#?}");
}

#[test]
fn a_damaged_baseline_holds_nothing() {
    let mut base = Files::base();
    base.lines.truncate(20);
    let report = gate(&base.record(), &Files::candidate().record());
    assert_ne!(report.verdict, Overall::Held, "{report:#?}");
    assert!(
        report
            .warnings
            .iter()
            .any(|text| text.contains("ended early"))
    );
}

#[test]
fn a_copy_of_the_baseline_holds_and_is_named_as_one() {
    let pinned = Files::base().record();
    let report = gate(&pinned, &Files::base().record());
    assert_eq!(report.verdict, Overall::Held, "{report:#?}");
    assert!(
        report
            .warnings
            .iter()
            .any(|text| text.contains("is a copy"))
    );
}

#[test]
fn enough_like_trials_hold_and_a_twentieth_more_does_not() {
    // Twenty trials with the spread of the fixture's quietest ones.
    let make = |id: &str, factor: f64| {
        let mut files = Files::base();
        files.run["id"] = json!(id);
        let (plan, lines) = (files.run["plan"].clone(), files.lines.clone());
        let plan = plan.as_array().expect("a plan");
        (files.run["plan"], files.lines) = (json!([]), Vec::new());
        for block in 0..20u64 {
            for (at, trial) in plan[..2].iter().enumerate() {
                let index = 2 * block + at as u64;
                let mut trial = trial.clone();
                (trial["index"], trial["block"]) = (json!(index), json!(block));
                files.run["plan"]
                    .as_array_mut()
                    .expect("a plan")
                    .push(trial);
                for line in lines.iter().filter(|line| line["trial"] == at as u64) {
                    let mut line = line.clone();
                    line["trial"] = json!(index);
                    if line["type"] == "sample" {
                        let spread = 1.0 + 0.002 * ((7 * block + at as u64) % 11) as f64;
                        let value = line["value"].as_u64().expect("a number") as f64;
                        let factor = if at == 1 { factor } else { 1.0 };
                        line["value"] = json!((value * spread * factor).round() as u64);
                    }
                    files.lines.push(line);
                }
            }
        }
        files.record()
    };
    let pinned = make("pinned", 1.0);
    let same = gate(&pinned, &make("same", 1.001));
    assert_eq!(same.verdict, Overall::Held, "{same:#?}");
    let slower = gate(&pinned, &make("slower", 1.12));
    assert_eq!(slower.verdict, Overall::Regression, "{slower:#?}");
    let keel = |row: &&plimsoll_analysis::gate::GateRow| row.key.target.as_str() == "keel";
    assert!(
        slower
            .rows
            .iter()
            .filter(keel)
            .all(|row| row.kind == Kind::Timed)
    );
}
