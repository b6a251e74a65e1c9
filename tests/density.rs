//! `bench run --suite density` on real engines: the cost of one more, a budget that is too small, and the
//! daemons of a container engine. `leftovers.rs` tests the clean-up.

use std::process::Output;

use e2e::{Bench, both_streams, container_engine_answers, row, row_at};

/// Measures the targets one after the other in a short run with `more`, recorded in `run`.
fn measure(bench: &Bench, targets: &[&str], more: &[&str]) -> Output {
    let mut args = vec!["run", "--suite", "density", "--quick", "--out", "run"];
    for target in targets {
        args.extend(["--target", target]);
    }
    args.extend(more);
    bench.run(&args)
}

#[test]
fn one_more_instance_and_one_more_process_have_a_cost_and_an_interval() {
    let bench = Bench::new();
    let output = measure(
        &bench,
        &["native", "keel"],
        &["--trials", "2", "--seed", "7"],
    );
    assert!(output.status.success(), "{}", both_streams(&output));
    let said = String::from_utf8(output.stdout).expect("bench prints UTF-8");
    assert!(
        said.contains("one more instance in a running host"),
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
        row_at(&rows, "native", ("processes", "pss"), Some(level))
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
    let output = measure(&bench, &["docker/runc+no-net"], &["--trials", "1"]);
    assert!(output.status.success(), "{}", both_streams(&output));
    let rows = bench.rows(&bench.folder().join("run"));
    let median = |place, level| {
        row_at(&rows, "docker/runc+no-net", place, level)
            .and_then(|row| row["median"].as_f64())
            .unwrap_or_else(|| panic!("no row {place:?} at {level:?}"))
    };
    // A shim alone has more than 1 MB of private memory, the guest far less.
    assert!(median(("process", "pss"), None) > 1e6);
    assert!(median(("daemon", "pss"), Some(5)) > 1e6);
}

#[test]
fn a_budget_that_is_too_small_stops_with_a_message_and_keeps_what_was_measured() {
    let bench = Bench::new();
    let output = measure(
        &bench,
        &["native"],
        &["--trials", "1", "--memory-budget", "1M"],
    );
    let said = both_streams(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("memory budget is 1.0 MiB (--memory-budget)"),
        "{said}"
    );
    let rows = bench.rows(&bench.folder().join("run"));
    let one = row_at(&rows, "native", ("processes", "pss"), Some(1)).expect("one fits");
    assert_eq!(one["status"], "ok", "{one}");
    assert!(row_at(&rows, "native", ("processes", "pss"), Some(10)).is_none());

    let output = bench.run(&["run", "--suite", "coldstart", "--memory-budget", "1M"]);
    assert_eq!(output.status.code(), Some(2), "{}", both_streams(&output));
}
