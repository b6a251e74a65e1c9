//! `bench run --suite throughput` on real engines, and `--denoise`.

use std::path::Path;

use e2e::{Bench, row};
use serde_json::Value;

fn run(bench: &Bench, out: &Path, args: &[&str]) -> String {
    let mut words = vec!["run", "--seed", "7", "--out"];
    words.push(out.to_str().expect("temporary paths are UTF-8"));
    words.extend(args);
    bench.exits(0, &words)
}

/// Counts repeat exactly, so two trials have the same value.
#[test]
fn instructions_are_counted_alike_in_every_trial() {
    let valgrind = std::process::Command::new("valgrind")
        .arg("--version")
        .output();
    if !valgrind.is_ok_and(|output| output.status.success()) {
        e2e::skip("no valgrind is on PATH; scripts/install-tools valgrind");
        return;
    }
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let narrow = ["--suite", "instructions", "--quick", "--workload", "hello"];
    let targets = ["--target", "native", "--target", "keel", "--wait"];
    run(&bench, &out, &[narrow.as_slice(), &targets].concat());
    let rows = bench.rows(&out);
    for target in ["native", "keel"] {
        let of = |boundary| {
            let row = row(&rows, "hello", target, boundary, "instructions").expect("a row");
            assert_eq!(row["status"], "ok", "{row}");
            row["median"].as_f64().expect("an ok row has a median")
        };
        let (guest, process) = (of("run"), of("L4"));
        assert!(
            0.0 < guest && guest <= process,
            "{target}: {guest} of {process}"
        );
    }
    let lines = e2e::lines(&out);
    let counts = lines.iter().filter(|line| line["boundary"] == "L4");
    let counts: Vec<u64> = counts.filter_map(|line| line["value"].as_u64()).collect();
    let distinct: std::collections::BTreeSet<_> = counts.iter().collect();
    assert_eq!((counts.len(), distinct.len()), (4, 2), "{counts:?}");
}

#[test]
fn the_guests_own_code_is_held_against_native_run_by_run() {
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let narrow = [
        "--suite",
        "throughput",
        "--quick",
        "--trials",
        "2",
        "--workload",
        "sha256",
    ];
    let targets = ["--target", "native", "--target", "keel"];
    let table = run(&bench, &out, &[narrow.as_slice(), &targets].concat());
    assert!(
        table.contains("sha256") && table.contains("keel"),
        "{table}"
    );
    assert!(
        table.lines().all(|line| line.chars().count() <= 80),
        "{table}"
    );

    let rows = bench.rows(&out);
    for target in ["native", "keel"] {
        let of = |metric| {
            let row = row(&rows, "sha256", target, "run", metric).expect("every metric has a row");
            assert_eq!(row["status"], "ok", "{row}");
            row["median"].as_f64().expect("an ok row has a median")
        };
        let (wall, cpu, cycle) = (of("wall_time"), of("cpu_time"), of("cycle_time"));
        assert!(0.0 < cpu && wall < cycle, "{target}: {wall} {cpu} {cycle}");
    }
    let out = out.to_str().expect("temporary paths are UTF-8");
    let report: Value = serde_json::from_str(&bench.exits(0, &["report", out, "--json"]))
        .expect("a report is JSON");
    let ratios = report["ratios"]
        .as_array()
        .expect("a throughput report has ratios");
    let wall = ratios
        .iter()
        .find(|ratio| ratio["target"] == "keel" && ratio["metric"] == "wall_time")
        .expect("keel is held against native");
    assert_eq!(wall["to"], "native");
    assert!(wall["ratio"].as_f64() > Some(0.0), "{wall}");
    let compared = bench.exits(0, &["compare", out, out]);
    assert!(
        compared.contains("6 without a difference shown"),
        "{compared}"
    );
}

#[test]
fn a_denoised_run_says_what_it_set_and_what_not() {
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let narrow = [
        "--suite",
        "coldstart",
        "--target",
        "native",
        "--workload",
        "hello",
    ];
    run(
        &bench,
        &out,
        &[narrow.as_slice(), &["--trials", "2", "--denoise"]].concat(),
    );
    let text = std::fs::read_to_string(out.join("run.json")).expect("a run has a run.json");
    let recorded: Value = serde_json::from_str(&text).expect("run.json is JSON");
    let notes = recorded["preflight"].as_array().expect("a run has notes");
    for what in [
        "affinity",
        "priority",
        "address space layout",
        "frequency governor",
        "turbo",
    ] {
        let subject = format!("denoise: {what}");
        let note = notes
            .iter()
            .find(|note| note["subject"] == subject.as_str());
        let note = note.unwrap_or_else(|| panic!("nothing is said of {what}: {notes:?}"));
        assert!(
            note["found"]
                .as_str()
                .is_some_and(|found| !found.is_empty()),
            "{note}"
        );
    }
    let again = recorded["command"].as_array().expect("a run has a command");
    assert!(again.iter().any(|word| word == "--denoise"));
}
