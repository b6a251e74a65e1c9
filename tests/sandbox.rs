//! `bench run --suite sandbox`: real hostile guests on native code, an engine and a container; nothing is
//! left behind.

use std::collections::BTreeMap;
use std::fs;

use e2e::census::Census;
use e2e::{Bench, container_engine_answers};
use serde_json::Value;

#[test]
fn what_a_guest_can_do_is_found_out_by_trying_it_and_nothing_of_it_is_left() {
    let bench = Bench::new();
    let mut census = Census::begin();
    let out = bench.folder().join("run");
    let out = out.to_str().expect("temporary paths are UTF-8");
    let mut words = vec!["run", "--suite", "sandbox", "--out", out, "--wait"];
    words.extend(["--target", "native", "--target", "keel"]);
    let docker = container_engine_answers();
    if docker {
        words.extend(["--target", "docker/runc"]);
    }
    let table = bench.exits(0, &words);
    census.look();
    census.nothing_is_left();
    assert!(table.contains("loop-limited"), "{table}");

    let rows = bench.rows(out.as_ref());
    let questions = if docker {
        rows.len() / 3
    } else {
        rows.len() / 2
    };
    assert_eq!(questions, 16, "{rows:?}");
    let mut answers: BTreeMap<&str, BTreeMap<&str, &Value>> = BTreeMap::new();
    for row in &rows {
        let of = |name: &str| row[name].as_str().expect("a word");
        let answer = answers.entry(of("target")).or_default();
        answer.insert(of("workload"), row);
    }
    let says = |target: &str, expected: &[(&str, &str)]| {
        for (question, answer) in expected {
            let row = answers[target][question];
            assert_eq!(row["answer"], *answer, "{row}");
            let evidence = row["evidence"].as_str().expect("evidence");
            assert!(!evidence.is_empty(), "{row}");
        }
    };
    // For contrast: only the user's rights and the stack's guard page limit native code.
    says(
        "native",
        &[
            ("run", "granted"),
            ("read", "granted"),
            ("write", "granted"),
            ("write-sealed", "unsupported"),
            ("environment", "granted"),
            ("connect", "granted"),
            ("process", "granted"),
            ("process-limited", "unsupported"),
            ("thread", "granted"),
            ("memory", "granted"),
            ("memory-limited", "unsupported"),
            ("loop", "not-stopped"),
            ("recursion", "stopped"),
        ],
    );
    let written = answers["native"]["write"]["evidence"].as_str();
    assert!(
        written.is_some_and(|evidence| evidence.ends_with("the file is on the host")),
        "{written:?}"
    );
    says(
        "keel",
        &[
            ("run", "granted"),
            ("read", "refused"),
            ("write", "refused"),
            ("environment", "refused"),
            ("connect", "refused"),
            ("process", "refused"),
            ("thread", "refused"),
            ("memory", "granted"),
            ("memory-limited", "refused"),
            ("loop", "not-stopped"),
            ("loop-limited", "stopped"),
            ("recursion", "stopped"),
        ],
    );
    if docker {
        says(
            "docker/runc",
            &[
                ("run", "granted"),
                ("read", "refused"),
                ("write", "granted"),
                ("write-sealed", "refused"),
                ("environment", "refused"),
                ("connect-sealed", "refused"),
                ("process", "granted"),
                ("process-limited", "refused"),
                ("thread-limited", "refused"),
                ("memory", "granted"),
                ("memory-limited", "stopped"),
                ("loop", "not-stopped"),
                ("loop-limited", "unsupported"),
                ("recursion", "stopped"),
            ],
        );
    }

    let markdown = bench.exits(0, &["report", out, "--markdown"]);
    let row = "| go on without end | not stopped | not stopped |";
    assert!(markdown.contains(row), "{markdown}");
    let csv = bench.exits(0, &["report", out, "--csv"]);
    assert!(
        csv.starts_with("run,suite,workload,title,target,answer,evidence"),
        "{csv}"
    );
    let page = bench.folder().join("page.html");
    let page = page.to_str().expect("temporary paths are UTF-8");
    bench.exits(0, &["report", out, "--html", page]);
    let page = fs::read_to_string(page).expect("the report");
    assert!(page.contains("What the answers rest on"), "{}", page.len());
    assert!(
        page.contains("href=\"#keel-loop-limited\""),
        "{}",
        page.len()
    );
}

/// The adapter runs daemonless containers, each in its own control groups.
#[test]
fn a_container_without_a_daemon_is_held_to_limits_by_its_control_groups_and_nothing_of_it_is_left()
{
    let bench = Bench::new();
    let listed = bench.exits(0, &["list", "targets", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed).expect("targets as JSON");
    let is_ready = |row: &Value| row["id"] == "oci/runc" && row["status"] == "ready";
    if !listed.iter().any(is_ready) {
        eprintln!(
            "SKIPPED: oci/runc, which is not ready here: scripts/install-tools runc, as root"
        );
        return;
    }
    let mut census = Census::begin();
    let mut words = vec!["run", "--suite", "sandbox", "--out", "run", "--wait"];
    words.extend(["--target", "oci/runc"]);
    let expected = [
        ("run", "granted"),
        ("write-sealed", "refused"),
        ("connect-sealed", "refused"),
        ("process-limited", "refused"),
        ("memory-limited", "stopped"),
        ("loop", "not-stopped"),
        ("loop-limited", "unsupported"),
    ];
    words.extend(expected.iter().flat_map(|(id, _)| ["--workload", id]));
    bench.exits(0, &words);
    census.look();
    census.nothing_is_left();
    let rows = bench.rows("run".as_ref());
    for (question, answer) in expected {
        let row = rows.iter().find(|row| row["workload"] == question);
        let row = row.unwrap_or_else(|| panic!("{question} in {rows:?}"));
        assert_eq!(row["answer"], answer, "{row}");
    }
}
