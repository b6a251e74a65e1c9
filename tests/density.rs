//! `bench run --suite density` on real engines: what one more costs, a budget that is too small,
//! and what is left of a crowd that was interrupted.

use std::process::Stdio;
use std::time::{Duration, Instant};

use e2e::{Bench, both_streams, container_engine_answers, row};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The row of one level, or without one of the line through them.
fn at<'a>(
    rows: &'a [Value],
    target: &str,
    place: (&str, &str),
    level: Option<u64>,
) -> Option<&'a Value> {
    rows.iter().find(|row| {
        row["target"] == target
            && row["boundary"] == place.0
            && row["metric"] == place.1
            && row["at"].as_u64() == level
    })
}

#[test]
fn one_more_instance_and_one_more_process_have_a_cost_and_an_interval() {
    let bench = Bench::new();
    let said = bench.exits(
        0,
        &[
            "run", "--suite", "density", "--quick", "--trials", "2", "--seed", "7", "--out", "run",
            "--target", "native", "--target", "keel",
        ],
    );
    assert!(
        said.contains("one more instance in a host that runs"),
        "{said}"
    );
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
    let rows = bench.rows(&bench.folder().join("run"));
    for (workload, target, boundary) in [
        ("hello", "keel", "instance"),
        ("idle", "keel", "process"),
        ("idle", "native", "process"),
    ] {
        for metric in ["pss", "page_tables", "wall_time"] {
            let row = row(&rows, workload, target, boundary, metric)
                .unwrap_or_else(|| panic!("no {metric} of one more {boundary} of {target}"));
            assert_eq!(row["status"], "ok", "{row}");
            assert!(
                row["median"].as_f64().is_some_and(|cost| cost > 0.0),
                "{row}"
            );
            assert!(row["ci95"].is_array(), "{row}");
        }
    }
    let held = |level| {
        at(&rows, "native", ("processes", "pss"), Some(level))
            .and_then(|row| row["median"].as_f64())
            .expect("every level has a row")
    };
    assert!(held(10) > held(1), "ten hold more than one");

    bench.exits(0, &["report", "run", "--html", "report.html"]);
    let html = std::fs::read_to_string(bench.folder().join("report.html")).expect("written");
    assert!(html.contains("What does one more cost?") && html.contains("<svg"));
    let markdown = bench.exits(0, &["report", "run", "--markdown"]);
    assert!(markdown.contains("| keel |"), "{markdown}");
    bench.exits(0, &["compare", "run", "run"]);
}

#[test]
fn containers_are_counted_with_their_shims_and_the_daemons_apart() {
    if !container_engine_answers() {
        return;
    }
    let bench = Bench::new();
    bench.exits(
        0,
        &[
            "run",
            "--suite",
            "density",
            "--quick",
            "--trials",
            "1",
            "--out",
            "run",
            "--target",
            "docker/runc+no-net",
        ],
    );
    let rows = bench.rows(&bench.folder().join("run"));
    let median = |place, level| {
        at(&rows, "docker/runc+no-net", place, level)
            .and_then(|row| row["median"].as_f64())
            .unwrap_or_else(|| panic!("no row {place:?} at {level:?}"))
    };
    // A shim alone holds more than a megabyte of its own; the guest, far less.
    assert!(median(("process", "pss"), None) > 1e6);
    assert!(median(("daemon", "pss"), Some(5)) > 1e6);
}

#[test]
fn a_budget_that_is_too_small_stops_with_a_message_and_keeps_what_was_measured() {
    let bench = Bench::new();
    let output = bench.run(&[
        "run",
        "--suite",
        "density",
        "--quick",
        "--trials",
        "1",
        "--out",
        "run",
        "--target",
        "native",
        "--memory-budget",
        "1M",
    ]);
    let said = both_streams(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("memory budget is 1.0 MiB (--memory-budget)"),
        "{said}"
    );
    let rows = bench.rows(&bench.folder().join("run"));
    let one = at(&rows, "native", ("processes", "pss"), Some(1)).expect("one fits");
    assert_eq!(one["status"], "ok", "{one}");
    assert!(at(&rows, "native", ("processes", "pss"), Some(10)).is_none());

    let output = bench.run(&["run", "--suite", "coldstart", "--memory-budget", "1M"]);
    assert_eq!(output.status.code(), Some(2), "{}", both_streams(&output));
}

/// The processes that a process has started and that live.
fn children(of: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{of}/task")).expect("it lives");
    let lists = tasks.flatten().map(|task| task.path().join("children"));
    let lists = lists.filter_map(|path| std::fs::read_to_string(path).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

#[test]
fn a_crowd_that_is_interrupted_or_orphaned_is_gone() {
    for signal in [Signal::INT, Signal::KILL] {
        let bench = Bench::new();
        let mut child = bench
            .command(&[
                "run",
                "--suite",
                "density",
                "--trials",
                "3",
                "--out",
                "run",
                "--target",
                "native",
                "--workload",
                "idle",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("bench can be started");
        let begun = Instant::now();
        let mut crowd = children(child.id());
        while crowd.len() < 20 {
            assert!(begun.elapsed() < Duration::from_secs(60), "no crowd came");
            std::thread::sleep(Duration::from_millis(10));
            crowd = children(child.id());
        }
        let pid = Pid::from_raw(child.id().try_into().expect("a pid fits")).expect("not 0");
        kill_process(pid, signal).expect("bench can be signalled");
        let status = child.wait().expect("bench ends");
        assert!(!status.success());
        let begun = Instant::now();
        let lives = |pid: &u32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok();
        while crowd.iter().any(lives) {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "some of the crowd are left"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
