//! `bench run --suite conformance` on real engines.

use e2e::Bench;
use serde_json::Value;

#[test]
fn the_specification_passes_as_recorded_and_the_counts_add_up() {
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let out = out.to_str().expect("temporary paths are UTF-8");
    // Exit code 0: no script passes fewer directives than runtimes/conformance.ratchet says.
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
        // The same question for all.
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
