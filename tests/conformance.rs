//! `bench run --suite conformance` on real engines.

use std::path::Path;

use e2e::Bench;
use serde_json::Value;

#[test]
fn the_specification_passes_as_recorded_and_the_counts_add_up() {
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let out = out.to_str().expect("temporary paths are UTF-8");
    // Exit code 0: every script passes at least as many directives as in runtimes/conformance.ratchet.
    let table = bench.exits(
        0,
        &[
            "run",
            "--suite",
            "conformance",
            "--out",
            out,
            "--target",
            "keel",
            "--target",
            "wasmtime/cranelift",
            "--workload",
            "core-*",
        ],
    );
    assert!(table.contains("core-3.0"), "{table}");

    let report: Value = serde_json::from_str(&bench.exits(0, &["report", out, "--json"]))
        .expect("a report is JSON");
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 6, "two targets, three versions");
    let count = |row: &Value, name: &str| row[name].as_u64().expect("a count");
    for row in rows {
        let parts = [
            "passed",
            "failed",
            "skipped",
            "crashed",
            "timeout",
            "unsupported",
        ];
        let sum: u64 = parts.iter().map(|name| count(row, name)).sum();
        assert_eq!(sum, count(row, "total"), "{row}");
        assert_eq!(count(row, "failed") + count(row, "crashed"), 0, "{row}");
        // All targets have the same denominator.
        let mut same = rows.iter().filter(|one| one["workload"] == row["workload"]);
        assert!(
            same.all(|one| count(one, "skipped") == count(row, "skipped")
                && one["total"] == row["total"])
        );
    }
    let badge = bench.exits(0, &["report", out, "--badge", "wasmtime/cranelift"]);
    assert!(
        badge.starts_with("<svg") && badge.contains("100 %"),
        "{badge}"
    );
}

/// Engines outside the default set, on groups that take seconds. `scripts/test` selects which to set up; a
/// missing engine is reported and is no failure.
#[test]
fn every_engine_that_is_set_up_passes_as_recorded() {
    let bench = Bench::new();
    let listed = bench.exits(0, &["list", "targets", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed).expect("targets as JSON");
    let ready = |target: &str| {
        let row = listed.iter().find(|row| row["id"] == target);
        row.is_some_and(|row| row["status"] == "ready")
    };
    let mut args = vec!["run", "--suite", "conformance", "--out", "run"];
    let mut asked = 0;
    for target in [
        "wasmer/cranelift",
        "wasmer/singlepass",
        "wasmer/llvm",
        "wasmedge/aot",
        "wasmedge/interpreter",
        "wasmi",
    ] {
        match ready(target) {
            true => {
                args.extend(["--target", target]);
                asked += 1;
            }
            false => eprintln!("SKIPPED: {target}, which is not set up here: bench setup {target}"),
        }
    }
    if asked == 0 {
        return;
    }
    let groups = ["sign-extension", "mutable-global", "tail-call"];
    args.extend(groups.iter().flat_map(|group| ["--workload", group]));
    // Exit code 0: every script passes at least as many directives as in runtimes/conformance.ratchet.
    bench.exits(0, &args);
    let rows = bench.rows(Path::new("run"));
    assert_eq!(rows.len(), asked * groups.len());
    for row in rows {
        let count = |name: &str| row[name].as_u64().expect("a count");
        let claimed = count("unsupported") == 0;
        assert!(!claimed || count("passed") > 0, "{row}");
        let findings = row["findings"].as_array().map_or(0, Vec::len) as u64;
        let lost = count("failed") + count("crashed") + count("timeout");
        assert_eq!(
            findings, lost,
            "each with its file, line and message: {row}"
        );
    }
}
