//! Runs the specification's tests on misbehaving adapters: every directive gets a verdict, the counts add up,
//! and the suite continues.

use std::fs;
use std::path::Path;
use std::time::Duration;

use plimsoll::machine::interrupt::Interrupt;
use plimsoll::suites::conformance::drive::{self, ScriptRequest};
use plimsoll::suites::conformance::groups::{ScriptFile, Tests};
use plimsoll_record::conformance::Group;
use plimsoll_record::{Proposal, TargetId, WorkloadId};
use serde_json::{Value, json};

use crate::checkout::Checkout;

/// Seven directives in two scripts: one malformed, one unknown, one about the text format only; four are
/// tested.
const SCRIPTS: [(&str, &str); 2] = [
    (
        "a.wast",
        "(module (func (export \"f\")))\n\
         (assert_return (invoke \"f\"))\n\
         (assert_malformed (module quote \"(fnuc)\") \"unexpected token\")\n\
         (dance)\n\
         (assert_invalid (module (func (result i32))) \"type mismatch\")\n",
    ),
    ("b.wast", "(module)\n(assert_return (invoke \"f\"\n"),
];

/// A checkout with those scripts and one adapter, a shell script in which `script` handles the script
/// request.
fn with_adapter(script: &str) -> Checkout {
    let checkout = Checkout::new();
    let adapter = checkout.program(
        "double",
        &format!(
            r#"while read -r line; do
case $line in
*'"hello"'*) echo '{{"reply":"hello","protocol":2,"adapter":"double 1","engine":"double","engine_version":"1.0","targets":[{{"id":"double","kind":"wasm","availability":{{"status":"available"}},"steps":["conformance"],"configuration":{{"compiler":"none"}}}}]}}' ;;
*'"programs"'*) echo '{{"reply":"programs","programs":[]}}' ;;
*'"claims"'*) echo '{{"reply":"claims","proposals":["mutable-global"]}}' ;;
*)
count=5; case $line in *b.wast*) count=2 ;; esac
from=${{line#*'"from":'}}; from=${{from%%[!0-9]*}}
say() {{ echo '{{"reply":"directive","index":'$1',"went":"'$2'"'$3'}}'; }}
{script}
echo '{{"reply":"scripted","directives":'$count'}}' ;;
esac
done"#
        ),
    );
    checkout.write(
        "runtimes/targets.toml",
        &format!(
            "schema = 'plimsoll.targets/1'\n[[adapter]]\nid = 'double'\ntitle = 'a test double'\n\
             program = '{}'\ndefault = true\ntargets = ['double']\n",
            adapter.display()
        ),
    );
    for (name, text) in SCRIPTS {
        checkout.write(&format!("spec/{name}"), text);
        checkout.write(&format!("spec/proposals/threads/{name}"), text);
    }
    checkout
}

/// The rows of a run, and its exit code.
fn rows(checkout: &Checkout, more: &[&str]) -> (i32, Vec<Value>) {
    let run = [
        "run",
        "--suite",
        "conformance",
        "--spec-dir",
        "spec",
        "--out",
        "run",
    ];
    let (code, _, stderr) = checkout.run(&[&run, more].concat());
    let (_, json, _) = checkout.run(&["report", "run", "--json"]);
    let report: Value = serde_json::from_str(&json).unwrap_or_else(|_| panic!("{stderr}"));
    (code, report["rows"].as_array().expect("rows").clone())
}

fn counts(row: &Value) -> Value {
    let names = [
        "passed",
        "failed",
        "skipped",
        "crashed",
        "timeout",
        "unsupported",
    ];
    let counts: Vec<u64> = names
        .iter()
        .map(|name| {
            row[name]
                .as_u64()
                .unwrap_or_else(|| panic!("{name} in {row}"))
        })
        .collect();
    assert_eq!(
        counts.iter().sum::<u64>(),
        row["total"].as_u64().expect("a total"),
        "{row}"
    );
    json!(counts)
}

/// Replies `went` for every directive from the first requested one on.
fn all(went: &str) -> String {
    format!("i=$from; while [ $i -lt $count ]; do say $i {went}; i=$((i + 1)); done")
}

#[test]
fn every_directive_is_counted_whatever_an_adapter_does() {
    let skipping = all("skipped ',\"reason\":\"no time\"'");
    let failing = all("failed ',\"message\":\"no\"'");
    for (name, script, core) in [
        ("passes", all("passed"), [4, 0, 3, 0, 0, 0]),
        ("fails", failing, [0, 4, 3, 0, 0, 0]),
        // An adapter must not skip directives.
        ("skips", skipping, [0, 4, 3, 0, 0, 0]),
        ("dies", "kill -SEGV $$".to_owned(), [0, 0, 3, 4, 0, 0]),
        ("hangs", "sleep 60".to_owned(), [0, 0, 3, 0, 4, 0]),
        (
            "garbage",
            "echo Illegal instruction".to_owned(),
            [0, 4, 3, 0, 0, 0],
        ),
        ("ends early", ":".to_owned(), [0, 4, 3, 0, 0, 0]),
    ] {
        let checkout = with_adapter(&script);
        let (code, rows) = rows(&checkout, &["--deadline", "1"]);
        assert_eq!(code, 0, "{name}: everything asked for was found out");
        assert_eq!(rows.len(), 2, "{name}: {rows:?}");
        let of = |group: &str| rows.iter().find(|row| row["workload"] == group);
        let row = of("core-3.0").expect("the scripts that are of no proposal");
        assert_eq!(counts(row), json!(core), "{name}: {row}");
        let row = of("threads").expect("a proposal that is not claimed");
        assert_eq!(counts(row), json!([0, 0, 3, 0, 0, 4]), "{name}: {row}");
        assert_eq!(row["status"], "unsupported");
    }
}

#[test]
fn every_proposal_has_a_group_of_its_own_and_every_version_of_the_specification() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = root.join("target");
    let here = plimsoll::catalog::checkout::Checkout::at(root, target);
    let tests = Tests::gather(&here, None, None, &[]).expect("the tests are brought along");
    let groups = &tests.record.groups;
    for proposal in Proposal::ALL {
        let of: Vec<_> = groups
            .iter()
            .filter(|group| group.proposal == Some(*proposal))
            .collect();
        // Memory64 has the proposal's own scripts, and those that version 3.0 added.
        let expected = if *proposal == Proposal::Memory64 {
            2
        } else {
            1
        };
        assert_eq!(of.len(), expected, "{proposal}: {of:?}");
        assert!(of.iter().all(|group| group.directives > 0), "{proposal}");
    }
    for version in ["core-1.0", "core-2.0", "core-3.0"] {
        assert!(groups.iter().any(|group| group.id.as_str() == version));
    }
}

#[test]
fn one_directive_that_kills_the_engine_costs_one_verdict() {
    let script = r#"i=$from; while [ $i -lt $count ]; do
case $line in
*a.wast*) [ $i != 1 ] || case $line in *'"without"'*) ;; *) kill -ABRT $$ ;; esac ;;
esac
say $i passed; i=$((i + 1)); done"#;
    let checkout = with_adapter(script);
    let (code, rows) = rows(&checkout, &["--workload", "core-3.0"]);
    assert_eq!(code, 0);
    assert_eq!(counts(&rows[0]), json!([3, 0, 3, 1, 0, 0]));
    let finding = &rows[0]["findings"][0];
    assert_eq!(
        (&finding["script"], &finding["line"]),
        (&json!("a.wast"), &json!(2))
    );
    let message = finding["message"].as_str().expect("a message");
    assert!(message.contains("SIGABRT"), "{message}");
}

#[test]
fn fewer_passes_than_before_are_a_regression_and_so_is_a_script_that_is_gone() {
    let checkout = with_adapter(r#"echo '{"reply":"failed","message":"no"}'; continue"#);
    let ran = |name: &str, ratchet: &str| {
        checkout.write("runtimes/conformance.ratchet", ratchet);
        let (code, _, stderr) = checkout.run(&[
            "run",
            "--suite",
            "conformance",
            "--workload",
            "mutable-global",
            "--out",
            name,
        ]);
        (code, stderr)
    };
    let (code, said) = ran("none", "double mutable-global/globals.wast 0\n");
    assert_eq!(code, 0, "{said}");
    let (code, said) = ran("fewer", "double mutable-global/globals.wast 3\n");
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("globals.wast: 0 pass, 3 did: line "),
        "{said}"
    );
    let (code, said) = ran("gone", "double mutable-global/gone.wast 1\n");
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("mutable-global/gone.wast: none ran, 1 passed before"),
        "{said}"
    );
    // This run concerns no other groups and targets.
    let other = "double simd/gone.wast 1\nanother mutable-global/globals.wast 36\n";
    let (code, said) = ran("other", other);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_gate_fails_on_fewer_passes_and_does_not_hold_where_nothing_could_be_asked() {
    let checkout = with_adapter(r#"echo '{"reply":"failed","message":"no"}'; continue"#);
    let gate = |name: &str, ratchet: &str| {
        checkout.write("runtimes/conformance.ratchet", ratchet);
        let asked = [
            "--target",
            "double",
            "--suite",
            "conformance",
            "--workload",
            "mutable-global",
        ];
        let (code, _, stderr) =
            checkout.run(&[["gate", "--out", name].as_slice(), &asked].concat());
        (code, stderr)
    };
    let (code, said) = gate("none", "double mutable-global/globals.wast 0\n");
    assert_eq!(code, 0, "{said}");
    let (code, said) = gate("fewer", "double mutable-global/globals.wast 3\n");
    assert_eq!(code, 1, "{said}");
    let adapter = fs::read_to_string(checkout.path("double")).expect("the double");
    let become_one_that = |from: &str, to: &str| {
        let changed = adapter.replace(from, to);
        assert_ne!(adapter, changed);
        checkout.program("double", changed.trim_start_matches("#!/bin/sh\n"));
    };
    become_one_that(r#""steps":["conformance"]"#, r#""steps":["process"]"#);
    let (code, said) = gate("gone", "double mutable-global/globals.wast 3\n");
    assert_eq!(code, 1, "{said}");
    let report = fs::read_to_string(checkout.path("gone/gate.md")).expect("the report");
    for words in ["none ran, 3 passed before", "does not run the tests"] {
        assert!(report.contains(words), "{words} in {report}");
    }
    // A target that never ran these tests has lost nothing, so there is nothing to compare.
    let (code, said) = gate("never", "another mutable-global/globals.wast 3\n");
    assert_eq!(code, 2, "{said}");
    become_one_that(r#"*'"claims"'*) echo"#, r#"*'"claims"'*) exit 1; echo"#);
    let (code, said) = gate("mute", "double mutable-global/globals.wast 0\n");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("head cannot run"), "{said}");
}

#[test]
fn a_target_that_does_not_say_what_it_claims_is_missing_not_without_claims() {
    let checkout = with_adapter(&all("passed"));
    let adapter = fs::read_to_string(checkout.path("double")).expect("the double");
    let mute = adapter.replace(r#"*'"claims"'*) echo"#, r#"*'"claims"'*) exit 1; echo"#);
    assert_ne!(adapter, mute);
    checkout.program("double", mute.trim_start_matches("#!/bin/sh\n"));
    let (code, _, stderr) = checkout.run(&["run", "--suite", "conformance", "--spec-dir", "spec"]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("does not say which proposals"), "{stderr}");
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped_and_a_report_shows_the_matrix() {
    let checkout = with_adapter(&all("passed"));
    let (code, whole) = rows(&checkout, &[]);
    assert_eq!(code, 0);
    // The second trial is truncated, as after a kill.
    let samples = checkout.path("run/samples.ndjson");
    let text = fs::read_to_string(&samples).expect("samples");
    let first = text.find("\"type\":\"outcome\"").expect("an outcome");
    let end = first + text[first..].find('\n').expect("a line");
    fs::write(&samples, &text[..=end]).expect("cut");
    let (code, _, stderr) = checkout.run(&["run", "--resume", "run"]);
    assert_eq!(code, 0, "{stderr}");
    let (_, json, _) = checkout.run(&["report", "run", "--json"]);
    let report: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["rows"], Value::Array(whole));

    let (_, terminal, _) = checkout.run(&["report", "run"]);
    assert!(terminal.contains("core-3.0       4      all"), "{terminal}");
    let (_, markdown, _) = checkout.run(&["report", "run", "--markdown"]);
    assert!(
        markdown.contains("| core-3.0 | 100 % (4/4) |"),
        "{markdown}"
    );
    let (_, csv, _) = checkout.run(&["report", "run", "--csv"]);
    assert!(
        csv.contains(",conformance,threads,double,0,0,3,0,0,4,0,7,unsupported,"),
        "{csv}"
    );
    let (_, _, stderr) = checkout.run(&["report", "run", "--html", "page.html"]);
    let page =
        fs::read_to_string(checkout.path("page.html")).unwrap_or_else(|_| panic!("{stderr}"));
    assert!(page.contains("hide what passes everywhere"));
}

/// A checkout with one target that runs a `.wasm` in the form `runner`: a script that executes the file's
/// first line, so that a test is a line of shell.
fn with_runner() -> Checkout {
    let checkout = with_adapter(&all("passed"));
    let runner = r#"env=
while :; do case $1 in
--dir) grant=$2; shift 2 ;;
--env) env=$2; shift 2 ;;
*) break ;;
esac; done
file=$1; shift
. "$file""#;
    checkout.program("target/release/fake-runner", runner);
    let table = fs::read_to_string(checkout.path("runtimes/targets.toml")).expect("the table");
    let words = "\n[adapter.wasi_tests]\ndouble = [\"--form\", \"runner\", \"--\", \"release/fake-runner\"]\n";
    checkout.write("runtimes/targets.toml", &(table + words));
    checkout
}

#[test]
fn a_checkout_of_the_wasi_testsuite_is_run_and_what_is_malformed_in_it_is_skipped() {
    let checkout = with_runner();
    let tests = "suite/tests/c/testsuite/wasm32-wasip1";
    for (name, script, manifest) in [
        ("bare", "exit 0", None),
        (
            "given",
            "[ \"$2 $env\" = \"one a=b\" ] && echo yes",
            Some(r#"{"args": ["one"], "env": {"a": "b"}, "stdout": "yes\n"}"#),
        ),
        ("exits", "exit 33", Some(r#"{"exit_code": 33}"#)),
        // A test does not see files that another left in its folder.
        (
            "granted",
            "d=${grant%::/}; ls $d/left 2>/dev/null && exit 1; echo > $d/left; cat $d/in",
            Some(r#"{"root": "fs.dir", "stdout": "in\n"}"#),
        ),
        (
            "granted-again",
            "d=${grant%::fs.dir}; ls $d/left 2>/dev/null && exit 1; cat $d/in",
            Some(r#"{"dirs": ["fs.dir"], "stdout": "in\n"}"#),
        ),
        (
            "newest",
            "echo no",
            Some(r#"{"operations": [{"type": "run"}, {"type": "read", "payload": "yes\n"}]}"#),
        ),
        ("code", "echo why >&2; exit 1", None),
        ("dies", "kill -SEGV $$", None),
        ("malformed", "exit 0", Some("{")),
        (
            "unknown",
            "exit 0",
            Some(r#"{"operations": [{"type": "connect"}]}"#),
        ),
    ] {
        checkout.write(&format!("{tests}/{name}.wasm"), &format!("{script}\n"));
        if let Some(manifest) = manifest {
            checkout.write(&format!("{tests}/{name}.json"), manifest);
        }
    }
    checkout.write(&format!("{tests}/fs.dir/in"), "in\n");
    checkout.write(
        &format!("{tests}/manifest.json"),
        r#"{"name": "C", "version": "wasm32-wasip1"}"#,
    );
    checkout.write(
        "suite/tests/rust/testsuite/wasm32-wasip3/new.wasm",
        "exit 0\n",
    );
    let run = [
        "run",
        "--suite",
        "conformance",
        "--wasi-testsuite",
        "suite",
        "--workload",
        "wasi-testsuite",
        "--out",
        "run",
    ];
    let (code, _, stderr) = checkout.run(&run);
    assert_eq!(code, 0, "{stderr}");
    let (_, json, _) = checkout.run(&["report", "run", "--json"]);
    let report: Value = serde_json::from_str(&json).unwrap_or_else(|_| panic!("{stderr}"));
    let row = &report["rows"][0];
    // Passed, failed, skipped, crashed; the folder of another version is not searched.
    assert_eq!(counts(row), json!([5, 2, 2, 1, 0, 0]), "{row}");
    let findings = row["findings"].to_string();
    for said in ["exit code 1, not 0 (why)", "stdout is", "SIGSEGV"] {
        assert!(findings.contains(said), "{said} in {findings}");
    }
    // The user's folder is unchanged.
    assert!(!checkout.path(&format!("{tests}/fs.dir/left")).exists());
    let (code, _, stderr) = checkout.run(&[
        "run",
        "--suite",
        "conformance",
        "--wasi-testsuite",
        "spec",
        "--workload",
        "wasi-testsuite",
    ]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("has no tests"), "{stderr}");
}

#[test]
fn an_adapter_that_eats_memory_is_killed_and_the_script_goes_on_without_that_directive() {
    // This adapter takes memory and then waits forever.
    let script = r#"case $line in
*'"without"'*) ;;
*) x=$(head -c 200000000 /dev/zero | tr '\0' x); sleep 300 ;;
esac
i=$from; while [ $i -lt $count ]; do say $i passed; i=$((i + 1)); done"#;
    let checkout = with_adapter(script);
    let (name, text) = SCRIPTS[0];
    let group = Group {
        id: WorkloadId::from("g"),
        title: "a group".to_owned(),
        folder: "g".to_owned(),
        proposal: None,
        features: Vec::new(),
        scripts: 1,
        directives: 5,
        sha256: String::new(),
    };
    let script = ScriptFile {
        name: name.to_owned(),
        text: text.to_owned(),
        superseded: Vec::new(),
    };
    let asked = ScriptRequest {
        program: &checkout.path("double"),
        directory: &checkout.path(""),
        target: &TargetId::from("double"),
        claims: &[],
        group: &group,
        scripts: &[script],
        scratch: &checkout.path("scratch"),
        deadline: Duration::from_secs(60),
        memory_bytes: 64 << 20,
        trial: (0, 0),
    };
    fs::create_dir_all(asked.scratch).expect("a folder");
    let never = Interrupt::never().expect("a pipe");
    let lines = drive::run(&asked, &never).expect("it goes on");
    let tally = lines[0].tally();
    assert_eq!((tally.passed, tally.crashed, tally.skipped), (2, 1, 2));
    let finding = &lines[0].findings[0];
    assert!(finding.message.contains("bytes of memory"), "{finding:?}");
}
