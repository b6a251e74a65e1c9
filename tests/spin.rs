//! The adapter of `spin up`, tested only against a mock with the same command line. Its measurements are not
//! used outside the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use e2e::census::Census;
use e2e::{Bench, both_streams, lines, root, row_at};
use serde_json::Value;

/// Writes a mock `spin` that serves with the native program (which gives the same responses) in a child
/// process, as Spin does.
fn stand_in(folder: &Path, up: &str) {
    let handler = root().join("target/workloads/native/handler");
    let script = format!(
        r#"#!/bin/bash
case $1 in
  --version) echo "spin 0.0.0-stand-in (none)"; exit ;;
  up) shift ;;
  *) exit 2 ;;
esac
while [ $# -gt 0 ]; do
  case $1 in
    --from) manifest=$2; shift 2 ;;
    --listen) address=$2; shift 2 ;;
    *) echo "unexpected $1" >&2; exit 2 ;;
  esac
done
source=$(sed -n 's/^source = "\(.*\)"$/\1/p' "$manifest")
[ "$(head -c 4 "$source" | od -An -tx1 | tr -d ' ')" = 0061736d ] || {{ echo "no component" >&2; exit 1; }}
{up}
"{}" --listen "$address" | {{
  read -r _ _ found
  printf '\nServing http://%s\nAvailable Routes:\n  handler: http://%s/...\n' "$found" "$found"
  cat
}}
"#,
        handler.display()
    );
    let spin = folder.join("spin");
    fs::write(&spin, script).expect("the stand-in can be written");
    fs::set_permissions(&spin, fs::Permissions::from_mode(0o755)).expect("and made executable");
}

fn path_with(folder: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}

#[test]
fn what_spin_serves_is_measured_verified_and_ended_with_everything_that_it_started() {
    let bench = Bench::new();
    let mut census = Census::begin();
    stand_in(bench.folder(), "");
    let mut command = bench.command(&[
        "run", "--suite", "serve", "--quick", "--trials", "1", "--target", "spin", "--out", "run",
        "--wait",
    ]);
    let output = command
        .env("PATH", path_with(bench.folder()))
        .output()
        .expect("bench can be started");
    assert_eq!(output.status.code(), Some(0), "{}", both_streams(&output));
    census.look();
    census.nothing_is_left();
    let run = bench.folder().join("run");
    let rows = bench.rows(&run);
    let p50 = row_at(&rows, "spin", ("fresh-request", "p50"), Some(500)).expect("it was measured");
    assert_eq!(p50["status"], "ok", "{p50}");
    let zero =
        row_at(&rows, "spin", ("first-response", "wall_time"), None).expect("from nothing, too");
    assert_eq!(zero["status"], "ok", "{zero}");
    let record = fs::read_to_string(run.join("run.json")).expect("a run has a record");
    assert!(
        record.contains("not verified here"),
        "the ledger does not say it"
    );
}

#[test]
fn a_spin_that_does_not_serve_fails_with_what_it_said() {
    let bench = Bench::new();
    stand_in(bench.folder(), r#"echo "no trigger for http"; exit 3"#);
    let mut command = bench.command(&[
        "run", "--suite", "serve", "--quick", "--trials", "1", "--target", "spin", "--out", "run",
        "--wait",
    ]);
    let output = command
        .env("PATH", path_with(bench.folder()))
        .output()
        .expect("bench can be started");
    assert_eq!(output.status.code(), Some(3), "{}", both_streams(&output));
    let lines = lines(&bench.folder().join("run"));
    let failed = lines
        .iter()
        .find(|line| line["status"] == "failed")
        .expect("it failed");
    let stderr = failed["stderr"].as_str().unwrap_or_default();
    assert!(stderr.contains("no trigger for http"), "{failed}");
}

#[test]
fn without_spin_the_target_is_listed_with_the_reason_and_the_remedy() {
    let bench = Bench::new();
    let mut command = bench.command(&["list", "targets", "--json"]);
    let output = command
        .env("PATH", "/nowhere")
        .output()
        .expect("bench can be started");
    let listed: Value = serde_json::from_slice(&output.stdout).expect("a list is JSON");
    let told = listed.to_string();
    assert!(told.contains("no spin is on PATH"), "{told}");
    assert!(told.contains("install Fermyon Spin"), "{told}");
}
