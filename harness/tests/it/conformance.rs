//! The specification's tests against adapters that misbehave: every directive has a verdict, the
//! counts add up, and the suite goes on.

use std::fs;

use serde_json::{Value, json};

use crate::checkout::Checkout;

/// Seven directives in two scripts: one is malformed text, one unknown, one about the text format
/// alone; four are questions to an engine.
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

/// A checkout with those scripts and one adapter, a shell script in which `script` answers the
/// request for a script.
fn with_adapter(script: &str) -> Checkout {
    let checkout = Checkout::new();
    let adapter = checkout.program(
        "double",
        &format!(
            r#"while read -r line; do
case $line in
*'"hello"'*) echo '{{"reply":"hello","protocol":1,"adapter":"double 1","engine":"double","engine_version":"1.0","targets":[{{"id":"double","kind":"wasm","availability":{{"status":"available"}},"steps":["conformance"],"configuration":{{"compiler":"none"}}}}]}}' ;;
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

/// The rows of a run, and the exit code it ended with.
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

/// Every verdict `went` but those before the first that is wanted.
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
        // A skip is not an adapter's to say.
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
    assert!(said.contains("globals.wast, 3 did"), "{said}");
    let (code, said) = ran("gone", "double mutable-global/gone.wast 1\n");
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("was not asked mutable-global/gone.wast"),
        "{said}"
    );
    // Of other groups and targets this run says nothing.
    let other = "double simd/gone.wast 1\nanother mutable-global/globals.wast 36\n";
    let (code, said) = ran("other", other);
    assert_eq!(code, 0, "{said}");
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
    // The second trial is cut off, as a kill would leave it.
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
