//! A new user's first run on a machine without Docker is short and answers the question.

use e2e::{Bench, both_streams};
use serde_json::Value;

/// Maximum lines of its output on both streams.
const LINES: usize = 60;

/// Number of ready targets outside the default set. Each adds at most two lines to each of the two tables.
fn beside_the_default_set(bench: &Bench) -> usize {
    let listed = bench.exits(0, &["list", "targets", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("a list is JSON");
    let rows = listed.as_array().expect("targets are a list").iter();
    rows.filter(|row| row["status"] == "ready" && row["default"] == false)
        .count()
}

#[test]
fn the_first_run_answers_in_sixty_lines_without_docker() {
    let bench = Bench::new();
    let allowed = LINES + 4 * beside_the_default_set(&bench);
    let out = bench.folder().join("run");
    let out = out.to_str().expect("temporary paths are UTF-8");
    let output = bench
        .command(&[
            "run",
            "--suite",
            "coldstart",
            "--quick",
            "--trials",
            "6",
            "--seed",
            "1",
            "--wait",
            "--out",
            out,
        ])
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .env("COLUMNS", "80")
        .output()
        .expect("bench can be started");
    let all = both_streams(&output);
    assert_eq!(output.status.code(), Some(0), "{all}");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let lines = stdout.lines().count() + stderr.lines().count();
    assert!(lines <= allowed, "{lines} lines, {allowed} allowed: {all}");
    for line in stdout.lines() {
        assert!(line.chars().count() <= 80, "too wide: {line}");
    }
    for target in ["native", "keel", "wasmtime/cranelift", "oci/embedded"] {
        let row = stdout
            .lines()
            .find(|line| line.split(' ').next() == Some(target));
        let row = row.unwrap_or_else(|| panic!("no row for {target}: {all}"));
        assert!(row.contains("ms") || row.contains("µs"), "{row}");
    }
    // Undo line wrapping.
    let text = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for (start, target) in [
        ("From nothing (L3, hello): ", "oci/embedded ("),
        ("A container beside native (L3, hello): ", "oci/embedded ("),
        ("Wasm beside native (L3, hello): ", "native ("),
        ("Of ", " published claims: "),
    ] {
        let sentence = text.find(start).map(|at| &text[at..]);
        let sentence = sentence.unwrap_or_else(|| panic!("no sentence {start:?}: {all}"));
        assert!(sentence.contains(target), "{sentence}");
    }
    let skipped = stderr.lines().filter(|line| line.contains("skipped"));
    assert!(skipped.clone().count() <= 1, "{all}");
    assert!(
        skipped
            .clone()
            .all(|line| line.ends_with(": bench list targets")),
        "{all}"
    );
    assert!(stderr.contains("--html`"), "{all}");
}
