//! Programs that a suite must name: compute kernels, one task in several languages, and snapshots.

use e2e::{Bench, row};
use serde_json::Value;

/// Ids of a category's workloads with a native binary that is built or was never planned.
fn of_category(bench: &Bench, category: &str, native: &str) -> Vec<String> {
    let listed = bench.exits(0, &["list", "workloads", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("a list is JSON");
    listed
        .as_array()
        .or_else(|| listed["workloads"].as_array())
        .expect("workloads are a list")
        .iter()
        .filter(|workload| workload["category"] == category)
        .filter(|workload| native.is_empty() || workload["native"] == native)
        .map(|workload| {
            workload["id"]
                .as_str()
                .expect("a workload has an id")
                .to_owned()
        })
        .collect()
}

/// Runs `suite` with one trial each, and expects the correct output of all `workloads`.
fn all_verified(suite: &str, boundary: &str, targets: &[&str], workloads: &[String]) {
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let mut words = vec![
        "run", "--suite", suite, "--quick", "--trials", "1", "--seed", "7",
    ];
    words.extend(["--out", out.to_str().expect("temporary paths are UTF-8")]);
    words.extend(targets.iter().flat_map(|target| ["--target", target]));
    words.extend(workloads.iter().flat_map(|id| ["--workload", id.as_str()]));
    let table = bench.exits(0, &words);
    assert!(
        table.lines().all(|line| line.chars().count() <= 80),
        "{table}"
    );
    let rows = bench.rows(&out);
    for workload in workloads {
        for target in targets {
            let row = row(&rows, workload, target, boundary, "wall_time")
                .unwrap_or_else(|| panic!("no row for {workload} on {target}"));
            assert_eq!(row["status"], "ok", "{row}");
        }
    }
}

#[test]
fn every_kernel_comes_to_the_same_natively_and_as_wasm() {
    let kernels = of_category(&Bench::new(), "kernel", "");
    for needed in ["matmul", "quickjs", "zstd", "integer-mix", "murmur3"] {
        assert!(kernels.iter().any(|id| id == needed), "{kernels:?}");
    }
    // Garbage-collected objects have no native version.
    let (collected, kernels): (Vec<_>, Vec<_>) = kernels
        .into_iter()
        .partition(|id| ["binary-trees", "document-tree"].contains(&id.as_str()));
    assert_eq!(collected.len(), 2);
    let engines = ["native", "keel", "wasmtime/cranelift"];
    all_verified("languages", "L4", &engines, &kernels);
    all_verified("languages", "L4", &engines[1..], &collected);
}

#[test]
fn one_task_in_every_language_prints_the_same_on_every_engine() {
    let bench = Bench::new();
    let languages = of_category(&bench, "language", "");
    for needed in ["rust", "c", "cpp", "go", "javascript", "assemblyscript"] {
        let id = format!("words-{needed}");
        assert!(languages.contains(&id), "{id} is not among {languages:?}");
    }
    all_verified(
        "languages",
        "L4",
        &["keel", "wasmtime/cranelift"],
        &languages,
    );

    let native = of_category(&bench, "language", "ready");
    for id in of_category(&bench, "language", "missing") {
        eprintln!("SKIPPED natively: {id}, which `scripts/build-workloads --native` did not build");
    }
    assert!(native.iter().any(|id| id == "words-c"), "{native:?}");
    all_verified("languages", "L4", &["native"], &native);
}

#[test]
fn every_snapshot_prints_what_its_module_prints() {
    let snapshots = of_category(&Bench::new(), "snapshot", "");
    assert!(snapshots.len() >= 4, "{snapshots:?}");
    all_verified(
        "languages",
        "L4",
        &["keel", "wasmtime/cranelift"],
        &snapshots,
    );
}

/// Python starts in 10 ms, from a snapshot in 4.
#[test]
fn a_snapshot_of_python_says_its_first_word_sooner() {
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let words = "run --suite languages --trials 5 --target wasmtime/cranelift \
                 --workload words-python --workload words-python+preinit --out";
    let mut words: Vec<&str> = words.split_whitespace().collect();
    words.push(out.to_str().expect("temporary paths are UTF-8"));
    bench.exits(0, &words);
    let rows = bench.rows(&out);
    let first_word = |workload| {
        let row = row(&rows, workload, "wasmtime/cranelift", "L3", "wall_time");
        let row = row.unwrap_or_else(|| panic!("no row for {workload}"));
        row["median"].as_f64().expect("a row has a median")
    };
    let (module, snapshot) = (
        first_word("words-python"),
        first_word("words-python+preinit"),
    );
    assert!(snapshot < 0.8 * module, "{snapshot} beside {module}");
}
