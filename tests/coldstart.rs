//! The main use: `bench run --suite coldstart` on real engines and a real container engine, and its reports.

use std::path::Path;

use e2e::{Bench, container_engine_answers, row, target_is_ready};
use serde_json::Value;

/// Runs the suite on the default targets with few trials, into `out`.
fn run(bench: &Bench, out: &Path, extra: &[&str]) {
    let mut args = vec!["run", "--suite", "coldstart", "--seed", "7", "--out"];
    args.push(out.to_str().expect("temporary paths are UTF-8"));
    args.extend(extra);
    bench.exits(0, &args);
}

#[test]
fn the_main_job_measures_every_default_target_at_every_boundary_it_has() {
    if !container_engine_answers() {
        return;
    }
    let bench = Bench::new();
    let out = bench.folder().join("run");
    run(&bench, &out, &["--workload", "hello", "--trials", "3"]);
    let rows = bench.rows(&out);

    let wasm = ["L0", "L1", "L3", "L4", "L6"].as_slice();
    let expected = [
        ("native", ["L3", "L4"].as_slice()),
        ("keel", wasm),
        ("wasmtime/cranelift", wasm),
        ("wasmtime/cranelift+pooling", ["L0", "L1"].as_slice()),
        ("wasmtime/winch", wasm),
        ("docker/runc", ["L3", "L4", "L5", "L6"].as_slice()),
    ];
    for (target, boundaries) in expected {
        for boundary in boundaries {
            let row = row(&rows, "hello", target, boundary, "wall_time")
                .unwrap_or_else(|| panic!("no row for {target} at {boundary}"));
            assert_eq!(row["status"], "ok", "{row}");
            let median = row["median"].as_f64().expect("an ok row has a median");
            let low = row["ci95"][0].as_f64().expect("an ok row has an interval");
            let high = row["ci95"][1].as_f64().expect("an ok row has an interval");
            assert!(0.0 < low && low <= median && median <= high, "{row}");
            assert_eq!(row["trials"], 3, "{row}");
        }
    }
    for target in ["native", "docker/runc"] {
        let claimed = row(&rows, "hello", target, "L0", "wall_time");
        assert!(
            claimed.is_none_or(|row| row["status"] == "unsupported" && row["median"].is_null()),
            "{target} has no instance to request, yet: {claimed:?}"
        );
    }
}

#[test]
fn every_workload_gives_the_expected_output_on_every_kind_of_target() {
    if !container_engine_answers() {
        return;
    }
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let targets = [
        "native",
        "keel",
        "wasmtime/cranelift",
        "wasmtime/winch",
        "docker/runc",
    ];
    let mut asked = vec!["--trials", "1"];
    asked.extend(targets.iter().flat_map(|target| ["--target", target]));
    run(&bench, &out, &asked);
    let rows = bench.rows(&out);
    let listed: Value = serde_json::from_str(&bench.exits(0, &["list", "workloads", "--json"]))
        .expect("a list is JSON");
    let workloads: Vec<&str> = listed
        .as_array()
        .or_else(|| listed["workloads"].as_array())
        .expect("workloads are a list")
        .iter()
        // Waiting workloads and yardsticks run only if named.
        .filter(|workload| workload["category"] == "general" && workload["duration"] != "waiting")
        .map(|workload| workload["id"].as_str().expect("a workload has an id"))
        .collect();
    for needed in [
        "hello",
        "hello-rust",
        "json",
        "sha256",
        "regex",
        "sqlite",
        "image",
    ] {
        assert!(
            workloads.contains(&needed),
            "{needed} is not among {workloads:?}"
        );
    }
    for workload in workloads {
        for target in targets {
            let row = row(&rows, workload, target, "L4", "wall_time")
                .unwrap_or_else(|| panic!("no row for {workload} on {target}"));
            assert_eq!(row["status"], "ok", "{row}");
        }
    }
    assert!(rows.iter().all(|row| row["status"] != "wrong-output"));
}

/// Use cases and system access, run once by the suite `size`, the fastest that verifies outputs.
#[test]
fn every_use_case_gives_the_expected_output_on_every_kind_of_target() {
    if !container_engine_answers() {
        return;
    }
    let bench = Bench::new();
    let listed: Value = serde_json::from_str(&bench.exits(0, &["list", "workloads", "--json"]))
        .expect("a list is JSON");
    let cases: Vec<&str> = listed
        .as_array()
        .or_else(|| listed["workloads"].as_array())
        .expect("workloads are a list")
        .iter()
        .filter(|workload| workload["category"] == "use-case")
        .map(|workload| workload["id"].as_str().expect("a workload has an id"))
        .collect();
    for needed in [
        "gateway",
        "etl",
        "tick",
        "inference-simd",
        "wasi",
        "directories",
    ] {
        assert!(cases.contains(&needed), "{needed} is not among {cases:?}");
    }
    let targets = ["native", "keel", "wasmtime/cranelift", "docker/runc"];
    let out = bench.folder().join("run");
    let mut asked = vec!["run", "--suite", "size", "--out"];
    asked.push(out.to_str().expect("temporary paths are UTF-8"));
    asked.extend(targets.iter().flat_map(|target| ["--target", target]));
    asked.extend(cases.iter().flat_map(|case| ["--workload", case]));
    bench.exits(0, &asked);
    let rows = bench.rows(&out);
    for case in cases {
        for target in targets {
            let row = row(&rows, case, target, "on-disk", "artefact_bytes")
                .unwrap_or_else(|| panic!("no row for {case} on {target}"));
            assert_eq!(row["status"], "ok", "{row}");
        }
    }
}

#[test]
fn a_program_that_times_itself_has_rows_for_its_ticks() {
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let targets = ["--target", "native", "--target", "keel"];
    let extra = [&["--workload", "tick", "--trials", "2"], &targets[..]].concat();
    run(&bench, &out, &extra);
    let rows = bench.rows(&out);
    for target in ["native", "keel"] {
        let medians = ["p50", "p90", "p99", "max"].map(|metric| {
            let row = row(&rows, "tick", target, "tick", metric)
                .unwrap_or_else(|| panic!("no {metric} for {target}"));
            assert_eq!(
                (&row["status"], &row["unit"]),
                (&"ok".into(), &"ns".into()),
                "{row}"
            );
            row["median"].as_f64().expect("an ok row has a median")
        });
        assert!(
            medians.is_sorted() && medians[0] > 0.0,
            "{target}: {medians:?}"
        );
    }
}

/// A daemonless container of an OCI runtime is a process like any other, timed by `bench`.
#[test]
fn containers_without_a_daemon_are_verified_at_every_boundary_of_a_process() {
    let bench = Bench::new();
    if !["oci/runc", "oci/crun"]
        .iter()
        .all(|target| target_is_ready(&bench, target))
    {
        return;
    }
    let out = bench.folder().join("run");
    let named = ["--workload", "hello", "--workload", "json", "--trials", "2"];
    let targets = ["--target", "oci/runc*", "--target", "oci/crun*"];
    run(&bench, &out, &[named.as_slice(), &targets].concat());
    let rows = bench.rows(&out);
    for target in [
        "oci/runc",
        "oci/runc+host-net",
        "oci/crun",
        "oci/crun+host-net",
    ] {
        for workload in ["hello", "json"] {
            for boundary in ["L3", "L4", "L5", "L6"] {
                let row = row(&rows, workload, target, boundary, "wall_time")
                    .unwrap_or_else(|| panic!("no row for {target} at {boundary}"));
                assert_eq!(row["status"], "ok", "{row}");
            }
        }
    }
}

/// An unavailable target reports why, and what would change that.
#[test]
fn every_target_is_ready_or_says_why_not_and_what_would_change_that() {
    let bench = Bench::new();
    // As for a user with nothing installed besides the checkout.
    let output = bench
        .command(&["list", "targets", "--json"])
        .env("PATH", bench.folder())
        .env("HOME", bench.folder())
        .env_remove("XDG_CACHE_HOME")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .output()
        .expect("bench can be started");
    let listed: Value = serde_json::from_slice(&output.stdout).expect("a list is JSON");
    let rows = listed.as_array().expect("a list");
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        match text("status") {
            "ready" => {}
            "absent" => assert!(
                !text("why").is_empty() && !text("remedy").is_empty(),
                "{row}"
            ),
            _ => panic!("{row}"),
        }
    }
    for (target, remedy) in [
        ("docker/runc", "scripts/docker-engine start"),
        ("docker/runc+debian", "scripts/docker-engine start"),
        ("oci/crun", "scripts/install-tools crun"),
        ("oci/youki+wasm", "bench setup youki"),
        ("node/v8", "scripts/install-tools node"),
    ] {
        let row = rows.iter().find(|row| row["id"] == target).expect(target);
        assert_eq!(
            (&row["status"], &row["remedy"]),
            (&"absent".into(), &remedy.into())
        );
    }
    assert!(
        rows.iter()
            .any(|row| row["id"] == "native" && row["status"] == "ready")
    );
}

#[test]
fn one_seed_gives_one_order_and_another_seed_another() {
    let bench = Bench::new();
    let order = |name: &str, seed: &str| -> Vec<String> {
        let out = bench.folder().join(name);
        let out_text = out.to_str().expect("temporary paths are UTF-8");
        bench.exits(
            0,
            &[
                "run",
                "--suite",
                "coldstart",
                "--target",
                "native",
                "--trials",
                "4",
                "--seed",
                seed,
                "--out",
                out_text,
            ],
        );
        let run = std::fs::read_to_string(out.join("run.json")).expect("a run has a run.json");
        let run: Value = serde_json::from_str(&run).expect("run.json is JSON");
        let plan = run["plan"].as_array().expect("a run has a plan").clone();
        plan.iter()
            .map(|trial| format!("{} {}", trial["workload"], trial["step"]))
            .collect()
    };
    let (first, again, other) = (order("a", "1"), order("b", "1"), order("c", "2"));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn a_report_is_one_offline_file_in_each_format() {
    let bench = Bench::new();
    let out = bench.folder().join("run");
    run(
        &bench,
        &out,
        &["--target", "native", "--workload", "hello", "--trials", "3"],
    );
    let out = out.to_str().expect("temporary paths are UTF-8");

    bench.exits(0, &["report", out, "--html", "report.html"]);
    let html = std::fs::read_to_string(bench.folder().join("report.html")).expect("written");
    // The page may link to sources of claims, but fetches nothing.
    let fetched = html.replace("<a href=\"http", "<a ");
    for outside in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(
            !fetched.contains(outside),
            "the report reaches outside by {outside}"
        );
    }
    assert!(html.contains("<svg") && html.contains("--seed 7"));

    let markdown = bench.exits(0, &["report", out, "--markdown"]);
    assert!(
        markdown
            .lines()
            .any(|line| line.starts_with('|') && line.contains("native"))
    );
    let csv = bench.exits(0, &["report", out, "--csv"]);
    assert!(csv.starts_with("run,suite,workload,target,boundary,metric,at,unit,median"));
}
