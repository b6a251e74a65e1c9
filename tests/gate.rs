//! `bench gate` on a real engine, and the examples for other projects' pipelines.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use e2e::{Bench, root};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

/// The module of the workload `busy` with that number of units of work.
fn busy(folder: &Path, units: &str) -> std::path::PathBuf {
    let committed = root().join("workloads/wasm/busy.wasm");
    let mut module = fs::read(committed).expect("the module is committed");
    let mark = b"units of work: ";
    let at = module
        .windows(mark.len())
        .position(|window| window == mark)
        .expect("the module says how much it does");
    module[at + mark.len()..][..units.len()].copy_from_slice(units.as_bytes());
    let path = folder.join(format!("busy-{units}.wasm"));
    fs::write(&path, module).expect("a copy can be written");
    path
}

fn gate(bench: &Bench, out: &str, head: &Path, code: i32) -> Value {
    let base = busy(bench.folder(), "0002000");
    let args: Vec<&OsStr> = [
        "gate",
        "--wait",
        "--target",
        "keel",
        "--workload",
        "busy",
        "--suite",
        "coldstart",
        "--blocks",
        "10",
        "--seed",
        "1",
        "--out",
        out,
        "--json",
        "--base",
    ]
    .into_iter()
    .map(OsStr::new)
    .chain([base.as_os_str(), "--head".as_ref(), head.as_os_str()])
    .collect();
    let text = bench.exits(code, &args);
    serde_json::from_str(&text).expect("the report is JSON")
}

#[test]
fn four_times_the_work_fails_and_the_same_work_does_not() {
    let bench = Bench::new();
    let same = busy(bench.folder(), "0002000");
    let held = gate(&bench, "same", &same, 0);
    assert_ne!(held["verdict"], "regression");
    assert!(held["false_alarms"]["gates"].as_u64() > Some(0));
    let slower = busy(bench.folder(), "0008000");
    let failed = gate(&bench, "slower", &slower, 1);
    let rows = failed["rows"].as_array().expect("rows");
    let row = rows
        .iter()
        .find(|row| row["boundary"] == "L4" && row["metric"] == "cpu_time")
        .expect("processor time is gated");
    assert_eq!(row["verdict"], "regression", "{row:#}");
    assert!(row["second"]["ratio"].as_f64() > Some(1.5), "{row:#}");
}

/// Every text in a YAML document.
fn texts<'a>(yaml: &'a Yaml, found: &mut Vec<&'a str>) {
    match yaml {
        Yaml::String(text) => found.push(text),
        Yaml::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Yaml::Hash(entries) => entries.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[test]
fn the_examples_for_pipelines_are_yaml_and_call_bench_as_it_is() {
    let bench = Bench::new();
    let help = bench.exits(0, &["gate", "--help"]);
    // scripts/ci-check runs those that gate a program of another repository.
    for example in ["github-action/action.yml", "gitlab-ci.yml"] {
        let path = root().join("scripts/ci-examples").join(example);
        let text = fs::read_to_string(&path).expect("the example is there");
        let documents = YamlLoader::load_from_str(&text).expect("the example is YAML");
        assert_eq!(documents.len(), 1, "{example}");
        let mut found = Vec::new();
        texts(&documents[0], &mut found);
        let commands: Vec<&str> = found
            .iter()
            .flat_map(|text| text.lines())
            .filter_map(|line| line.trim().strip_prefix("bench gate "))
            .collect();
        assert_eq!(commands.len(), 1, "{example}");
        let words = commands[0].split_whitespace();
        for flag in words.filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "{example}: bench gate has no {flag}");
        }
    }
    let action = fs::read_to_string(root().join("scripts/ci-examples/github-action/action.yml"));
    let action = YamlLoader::load_from_str(&action.expect("it is there")).expect("YAML");
    assert_eq!(action[0]["runs"]["using"].as_str(), Some("composite"));
    for step in action[0]["runs"]["steps"].as_vec().expect("steps") {
        let is_run = step["run"].as_str().is_some();
        assert_eq!(
            is_run,
            step["shell"].as_str().is_some(),
            "a composite step names its shell"
        );
        assert!(is_run || step["uses"].as_str().is_some());
    }
}
