//! `bench run --suite memory` and `--suite size` on real engines and a real container engine: every target
//! reports a known amount of memory correctly, and sizes add up.

use e2e::{Bench, container_engine_answers, row};
use serde_json::Value;

const KNOWN: f64 = 64.0 * 1024.0 * 1024.0;

/// Native code, an engine, and a container if available.
fn targets() -> Vec<&'static str> {
    let mut targets = vec!["native", "keel"];
    if container_engine_answers() {
        targets.push("docker/runc+no-net");
    }
    targets
}

fn measured(bench: &Bench, suite: &str, workloads: &[&str], trials: &str) -> Vec<Value> {
    let mut args = vec!["run", "--suite", suite, "--trials", trials, "--out", suite];
    for target in targets() {
        args.extend(["--target", target]);
    }
    for workload in workloads {
        args.extend(["--workload", workload]);
    }
    let said = bench.exits(0, &args);
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
    bench.rows(&bench.folder().join(suite))
}

fn median(rows: &[Value], workload: &str, target: &str, boundary: &str, metric: &str) -> f64 {
    let row = row(rows, workload, target, boundary, metric)
        .unwrap_or_else(|| panic!("no {metric} of {workload} on {target} at {boundary}"));
    assert_eq!(row["status"], "ok", "{row}");
    row["median"].as_f64().expect("an ok row has a median")
}

#[test]
fn sixty_four_mebibytes_are_reported_as_such_on_every_target() {
    let bench = Bench::new();
    let rows = measured(&bench, "memory", &["idle", "idle-64mib", "hello"], "2");
    for target in targets() {
        for metric in ["pss", "rss", "private"] {
            let of = |workload| median(&rows, workload, target, "idle", metric);
            let share = (of("idle-64mib") - of("idle")) / KNOWN;
            assert!((0.98..1.02).contains(&share), "{target} {metric}: {share}");
        }
        let peak = median(&rows, "hello", target, "peak", "peak_rss");
        assert!((1e5..1e8).contains(&peak), "{target}: {peak}");
    }
    bench.exits(0, &["report", "memory", "--html", "report.html"]);
    let html = std::fs::read_to_string(bench.folder().join("report.html")).expect("written");
    assert!(html.contains("How much memory does it need?") && html.contains("The rule."));
}

#[test]
fn deployed_bytes_are_the_artefact_and_its_runner() {
    let bench = Bench::new();
    let rows = measured(&bench, "size", &["hello"], "1");
    for target in targets() {
        let of = |metric| median(&rows, "hello", target, "on-disk", metric);
        assert!(
            of("transfer_compressed_bytes") < of("transfer_bytes"),
            "{target}"
        );
        assert!(
            of("artefact_compressed_bytes") < of("artefact_bytes"),
            "{target}"
        );
    }
    let keel = |metric| median(&rows, "hello", "keel", "on-disk", metric);
    assert_eq!(
        keel("transfer_bytes"),
        keel("artefact_bytes") + keel("runner_bytes")
    );
    let native = |metric| median(&rows, "hello", "native", "on-disk", metric);
    assert_eq!(native("transfer_bytes"), native("artefact_bytes"));
    assert!(row(&rows, "hello", "native", "on-disk", "runner_bytes").is_none());
    bench.exits(0, &["report", "size", "--markdown"]);
    bench.exits(0, &["compare", "size", "size"]);
}
