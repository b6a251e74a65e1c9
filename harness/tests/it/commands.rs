//! The output of each command, and that a run survives faults.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::checkout::{Checkout, outcomes};

/// Replaces medians, which differ between runs, and keeps their place and width.
fn without_figures(text: &str) -> String {
    let mut settings = String::new();
    for line in text.lines() {
        let words: Vec<String> = line
            .split_inclusive(' ')
            .map(|word| {
                let bare = word.trim_end();
                let figure = ["ns", "µs", "ms", "s"].iter().any(|unit| {
                    bare.strip_suffix(unit)
                        .is_some_and(|number| number.parse::<f64>().is_ok())
                });
                match figure {
                    true => word.replace(bare, &"#".repeat(bare.chars().count().clamp(5, 5))),
                    false => word.to_owned(),
                }
            })
            .collect();
        settings.push_str(words.concat().trim_end());
        settings.push('\n');
    }
    settings
}

#[test]
fn a_run_shows_its_ladder_and_says_what_it_left_out() {
    let checkout = Checkout::new();
    let (code, stdout, stderr) = checkout.measure(&["--trials", "3"], &[]);
    assert_eq!(code, 0, "{stderr}");
    let figures = stdout
        .lines()
        .filter(|line| line.starts_with("fake/engine"));
    for line in figures {
        assert!(line.contains("1.05µs") && line.contains("20.5µs"), "{line}");
    }
    let ladder: String = without_figures(&stdout)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n")
        .filter(|line| !line.starts_with("Medians"))
        .collect();
    insta::assert_snapshot!("ladder", ladder);
    insta::assert_snapshot!("run_says", checkout.settled(&stderr));
    assert!(stdout.lines().all(|line| line.chars().count() <= 110));
}

#[test]
fn the_table_fits_into_eighty_columns() {
    let checkout = Checkout::new();
    let (_, stdout, _) = checkout.measure(&["--trials", "2"], &[]);
    let rows = stdout
        .lines()
        .filter(|line| line.starts_with("fake/") || line.contains("L0     L1"));
    for line in rows {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_named_target_that_cannot_run_is_exit_code_3_with_its_remedy() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--target", "fake/*", "--trials", "1"], &[]);
    assert_eq!(code, 3, "{stderr}");
    assert!(
        stderr.contains("skipped fake/absent: no engine answers; add it with `start-the-engine`"),
        "{stderr}"
    );
    let (code, _, stderr) = checkout.run(&[
        "run",
        "--suite",
        "coldstart",
        "--target",
        "later",
        "--out",
        "other",
    ]);
    assert_eq!(code, 3, "{stderr}");
    assert!(
        stderr.contains("add it with `bench setup later`"),
        "{stderr}"
    );
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_and_exit_code_2() {
    let checkout = Checkout::new();
    let mut told = String::new();
    for args in [
        ["run", "--suite", "coldstat"].as_slice(),
        &["run", "--suite", "coldstart", "--target", "fake/proces"],
        &["run", "--suite", "coldstart", "--target", "fake"],
        &["run", "--suite", "coldstart", "--workload", "helo"],
        &["setup", "latr"],
        &["report", "nowhere"],
        &["report"],
        &["report", "--claims", "nowhere.toml"],
        &["compare", "nowhere", "nowhere"],
    ] {
        let (code, stdout, stderr) = checkout.run(args);
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        told += &checkout.settled(&stderr);
    }
    insta::assert_snapshot!("unknown_names", told);
}

#[test]
fn a_report_holds_the_users_own_claims_against_the_run() {
    let checkout = Checkout::new();
    let (code, _, stderr) = checkout.measure(&["--trials", "3"], &[]);
    assert_eq!(code, 0, "{stderr}");
    let mut table =
        "schema = \"plimsoll.claims/1\"\n[[source]]\nid = \"us\"\ntitle = \"us\"\n".to_owned();
    for (id, range) in [("soon", "high = 1000000"), ("late", "low = 1000000")] {
        table += &format!(
            "[[claim]]\nid = \"{id}\"\ntitle = \"t\"\nsays = \"It starts {id}.\"\nsource = \"us\"\n{range}\nunit = \"s\"\n\
             [[claim.measured]]\nview = \"v\"\nsuite = \"coldstart\"\nof = {{ kind = \"wasm\", boundary = \"L0\" }}\n"
        );
    }
    let file = checkout.path("mine.toml");
    std::fs::write(&file, &table).expect("written");
    let file = file.to_str().expect("UTF-8");
    let (code, stdout, stderr) = checkout.run(&["report", "run", "--claims", file]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.contains("holds          It starts soon."),
        "{stdout}"
    );
    assert!(
        stdout.contains("does not hold  It starts late."),
        "{stdout}"
    );
    std::fs::write(file, table.replace("unit", "unity")).expect("written");
    let (code, _, stderr) = checkout.run(&["report", "run", "--claims", file]);
    assert!(
        code == 2 && stderr.contains("unknown field `unity`"),
        "{code} {stderr}"
    );
}

#[test]
fn lists_are_for_people_and_for_programs() {
    let checkout = Checkout::new();
    let mut told = String::new();
    for what in ["targets", "workloads", "suites"] {
        let (code, text, _) = checkout.run(&["list", what]);
        assert_eq!(code, 0);
        let (_, json, _) = checkout.run(&["list", what, "--json"]);
        let rows: Vec<Value> = serde_json::from_str(&json).expect("a list is a JSON array");
        assert_eq!(rows.len(), text.lines().count());
        assert!(rows.iter().all(|row| row["id"].is_string()));
        told += &text;
    }
    insta::assert_snapshot!("lists", told);
}

#[test]
fn the_doctor_says_what_would_change_what_cannot_run() {
    let checkout = Checkout::new();
    std::fs::remove_file(checkout.path("target/workloads/native/quiet")).expect("removed");
    checkout.write("workloads/wasm/hello.wasm", "changed");
    let mut command = checkout.bench(&["doctor"]);
    let output = command
        .env("FAKE_VERSION", "2.0.0")
        .output()
        .expect("bench starts");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("text");
    let targets = &text[text.find("targets").expect("a section on targets")..];
    insta::assert_snapshot!("doctor", checkout.settled(targets));
}

#[test]
fn a_changed_wasm_or_source_is_not_measured() {
    let checkout = Checkout::new();
    checkout.write("workloads/wasm/hello.wasm", "changed");
    checkout.write("workloads/quiet/main.c", "changed");
    let (code, _, stderr) = checkout.measure(&["--trials", "1"], &[]);
    assert_eq!(code, 3, "{stderr}");
    for remedy in [
        "build-workloads --wasm hello",
        "build-workloads --wasm quiet",
    ] {
        assert!(stderr.contains(remedy), "{stderr}");
    }
}

#[test]
fn a_run_is_not_recorded_over_another() {
    let checkout = Checkout::new();
    let (code, _, _) = checkout.measure(&["--trials", "1", "--workload", "quiet"], &[]);
    assert_eq!(code, 0);
    let (code, _, stderr) = checkout.measure(&["--trials", "1"], &[]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("already exists"), "{stderr}");
}

#[test]
fn a_run_lands_in_results_and_latest_points_to_it() {
    let checkout = Checkout::new();
    let run = [
        "run",
        "--suite",
        "coldstart",
        "--trials",
        "1",
        "--workload",
        "hello",
    ];
    let (code, _, stderr) = checkout.run(&run);
    assert_eq!(code, 0, "{stderr}");
    let latest = std::fs::read_link(checkout.path("results/latest")).expect("a link");
    assert!(
        latest.to_string_lossy().ends_with("-coldstart"),
        "{latest:?}"
    );
    let (code, csv, _) = checkout.run(&["report", "--csv"]);
    assert_eq!(code, 0);
    assert!(csv.lines().count() > 3, "{csv}");
    assert!(
        !checkout
            .path("target/bench-scratch")
            .read_dir()
            .is_ok_and(|mut d| d.next().is_some())
    );
}

#[test]
fn a_seed_is_recorded_and_gives_the_same_plan_again() {
    let checkout = Checkout::new();
    let plan = |out: &str, seed: &[&str]| {
        let args = ["run", "--suite", "coldstart", "--trials", "3", "--out", out];
        let (code, _, stderr) = checkout.run(&[&args, seed].concat());
        assert_eq!(code, 0, "{stderr}");
        let text = std::fs::read(checkout.path(out).join("run.json")).expect("run.json");
        serde_json::from_slice::<Value>(&text).expect("JSON")
    };
    let drawn = plan("a", &[]);
    let seed = drawn["seed"].to_string();
    assert_eq!(plan("b", &["--seed", &seed])["plan"], drawn["plan"]);
    let command: Vec<&str> = drawn["command"]
        .as_array()
        .expect("words")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(command[..4], ["bench", "run", "--suite", "coldstart"]);
    assert!(command.contains(&seed.as_str()));
}

/// A run with slow native processes, with at least `after` outcomes recorded.
fn under_way(checkout: &Checkout, after: usize) -> Child {
    checkout.program("target/workloads/native/hello", "sleep 0.05; echo hello");
    let args = [
        "run",
        "--suite",
        "coldstart",
        "--workload",
        "hello",
        "--target",
        "fake/process",
        "--trials",
        "40",
        "--seed",
        "1",
        "--out",
        "run",
    ];
    let child = checkout
        .bench(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bench starts");
    let begun = Instant::now();
    while outcomes(&checkout.path("run")).len() < after {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "no trial was recorded"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {}", child.id())])
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}

#[test]
fn an_interrupted_run_is_readable_and_resumes_where_it_was() {
    for name in ["INT", "TERM", "KILL"] {
        let checkout = Checkout::new();
        let child = under_way(&checkout, 5);
        signal(&child, name);
        let output = child.wait_with_output().expect("bench ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if name != "KILL" {
            assert_eq!(output.status.code(), Some(3), "{said}");
            assert!(
                said.contains("of 80 trials are recorded; continue with `bench run --resume"),
                "{said}"
            );
        }
        let before = checkout.outcomes();
        assert!(before.len() >= 5 && before.len() < 80, "{}", before.len());
        assert_eq!(checkout.run(&["report", "run", "--json"]).0, 0);

        let (code, _, stderr) = checkout.run(&["run", "--resume", "run"]);
        assert_eq!(code, 0, "{stderr}");
        let after = checkout.outcomes();
        assert_eq!(after.len(), 80);
        assert_eq!(after[..before.len()], before[..], "what was recorded stays");
        assert!(after.iter().all(|line| line["status"] == "ok"));
    }
}

#[test]
fn a_second_run_on_the_machine_says_who_has_it() {
    let checkout = Checkout::new();
    let child = under_way(&checkout, 1);
    let (code, _, stderr) = checkout.run(&["run", "--suite", "coldstart", "--out", "second"]);
    assert_eq!(code, 3, "{stderr}");
    let holder = format!(
        "another run is measuring on this machine (process {},",
        child.id()
    );
    assert!(
        stderr.contains(&holder) && stderr.contains("--wait"),
        "{stderr}"
    );
    signal(&child, "INT");
    child.wait_with_output().expect("bench ends");
}

#[test]
fn a_run_does_not_continue_with_something_else_than_it_began_with() {
    let checkout = Checkout::new();
    let child = under_way(&checkout, 2);
    signal(&child, "INT");
    child.wait_with_output().expect("bench ends");
    let mut command = checkout.bench(&["run", "--resume", "run"]);
    let output = command
        .env("FAKE_VERSION", "1.9")
        .output()
        .expect("bench starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("was Fake 1.2.3, and now is Fake 1.9"),
        "{said}"
    );
}

#[test]
fn two_runs_are_compared_row_by_row() {
    let checkout = Checkout::new();
    for out in ["a", "b"] {
        let args = [
            "run",
            "--suite",
            "coldstart",
            "--target",
            "fake/engine",
            "--trials",
            "6",
        ];
        let (code, _, stderr) = checkout.run(&[args.as_slice(), &["--out", out]].concat());
        assert_eq!(code, 0, "{stderr}");
    }
    let (code, text, stderr) = checkout.run(&["compare", "a", "b"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        text.contains("hello fake/engine L0") && text.contains("no difference shown"),
        "{text}"
    );
    let (code, json, _) = checkout.run(&["compare", "a", "b", "--json"]);
    assert_eq!(code, 0);
    let comparison: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(comparison["schema"], "plimsoll.comparison/1");
}

#[test]
fn help_completions_and_the_manual_are_there() {
    let checkout = Checkout::new();
    for (args, holds) in [
        (["--help"].as_slice(), "How to read the ladder"),
        (&["run", "--help"], "--resume"),
        (&["completions", "bash"], "_bench"),
        (&["man"], ".SH \"BENCH RUN\""),
    ] {
        let (code, stdout, stderr) = checkout.run(args);
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.contains(holds), "{args:?}: {stdout}");
    }
}

#[test]
fn a_report_says_how_to_open_it_and_opens_it_on_request() {
    let checkout = Checkout::new();
    checkout.measure(&["--trials", "1"], &[]);
    let (code, _, stderr) = checkout.run(&["report", "run", "--html"]);
    assert_eq!(code, 0, "{stderr}");
    let page = checkout.path("run/report.html");
    assert!(
        stderr.contains(&format!("file://{}", page.display())),
        "{stderr}"
    );
    assert_eq!(checkout.run(&["report", "run", "--open"]).0, 2);

    // A mock desktop opener, which records its arguments and exits with the code in question.
    for end in [0, 3] {
        let opener = checkout.program(
            "desktop/xdg-open",
            &format!("echo \"$1\" >\"$0.opened\"\nexit {end}"),
        );
        let folder = opener
            .parent()
            .expect("it lies in a folder")
            .display()
            .to_string();
        let output = checkout
            .bench(&["report", "run", "--html", "--open"])
            .env("PATH", format!("{folder}:/usr/bin:/bin"))
            .output()
            .expect("bench starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), end == 0, "{said}");
        let opened =
            std::fs::read_to_string(opener.with_extension("opened")).expect("it was called");
        assert_eq!(opened.trim(), page.display().to_string());
        assert_eq!(said.contains("in a browser by hand"), end != 0, "{said}");
    }
}
