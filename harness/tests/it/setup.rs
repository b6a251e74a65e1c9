//! `bench setup`: something that cannot exist on a machine is skipped, and is a failure only if named. A
//! failed build is a failure, and a run does not retry it.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::checkout::{Checkout, FAKE};

/// A row with a setup script that finds this machine unsuitable.
fn with_a_row_for_other_machines(checkout: &Checkout) {
    let table = std::fs::read_to_string(checkout.path("runtimes/targets.toml")).expect("a table");
    let row = format!(
        "[[adapter]]\nid = 'elsewhere'\ntitle = 'an engine for other machines'\nprogram = '{FAKE}'\n\
         default = false\nsetup = ['not-here']\ntargets = ['elsewhere']\n"
    );
    checkout.write("runtimes/targets.toml", &(table + &row));
    checkout.program("not-here", "echo 'no such package' >&2; exit 3");
}

#[test]
fn what_a_machine_cannot_have_is_skipped_and_counted() {
    let checkout = Checkout::new();
    with_a_row_for_other_machines(&checkout);
    let (code, _, stderr) = checkout.run(&["setup", "--all", "--minutes", "4"]);
    assert_eq!(code, 0, "{stderr}");
    for expected in [
        "skipped fake/absent",
        "skipped elsewhere: `",
        "2 targets ready, 2 skipped, 0 failed",
    ] {
        assert!(stderr.contains(expected), "{expected}: {stderr}");
    }
    assert!(!stderr.contains("later"), "{stderr}");
}

#[test]
fn a_skipped_target_that_was_named_is_exit_code_3() {
    let checkout = Checkout::new();
    with_a_row_for_other_machines(&checkout);
    for named in ["elsewhere", "fake/absent"] {
        let (code, _, stderr) = checkout.run(&["setup", named]);
        assert_eq!(code, 3, "{named}: {stderr}");
    }
}

#[test]
fn a_failed_build_is_exit_code_3_and_no_run_repeats_it() {
    let checkout = Checkout::new();
    checkout.write(
        "later/Cargo.toml",
        "[package]\nname = 'adapter-later'\nversion = '0.1.0'\nedition = '2024'\n[workspace]\n",
    );
    checkout.write(
        "later/Cargo.lock",
        "version = 4\n[[package]]\nname = \"adapter-later\"\nversion = \"0.1.0\"\n",
    );
    checkout.write("later/src/main.rs", "fn main() { this does not compile }\n");
    let (code, _, stderr) = checkout.run(&["setup", "later"]);
    assert_eq!(code, 3, "{stderr}");
    assert!(
        stderr.contains("0 targets ready, 0 skipped, 1 failed"),
        "{stderr}"
    );

    let words = [
        "run",
        "--suite",
        "coldstart",
        "--quick",
        "--target",
        "later",
        "--out",
        "run",
    ];
    let (code, _, stderr) = checkout.run(&words);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("its last build failed"), "{stderr}");
    assert!(!stderr.contains("does not compile"), "{stderr}");

    checkout.write("later/src/main.rs", "fn main() {}\n");
    let (_, _, stderr) = checkout.run(&["setup", "later"]);
    assert!(!stderr.contains("its last build failed"), "{stderr}");
}

/// Runs `bench setup later` with a cargo that is a shell script, and then whether a run remembers a failure.
fn is_remembered(checkout: &Checkout, cargo: &str, interrupted: bool) -> bool {
    let cargo = checkout.program("cargo", cargo);
    let mut child = checkout
        .bench(&["setup", "later"])
        .env("CARGO", &cargo)
        .stderr(Stdio::null())
        .spawn()
        .expect("bench starts");
    if interrupted {
        let begun = checkout.path("begun");
        while !begun.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = Pid::from_child(&child);
        rustix::process::kill_process(pid, Signal::INT).expect("bench runs");
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    let words = [
        "run",
        "--suite",
        "coldstart",
        "--quick",
        "--target",
        "later",
    ];
    let run = checkout.bench(&words).env("CARGO", &cargo).output();
    let stderr = String::from_utf8(run.expect("bench starts").stderr).expect("text");
    stderr.contains("its last build failed")
}

#[test]
fn only_a_build_that_failed_by_itself_is_remembered() {
    let checkout = Checkout::new();
    checkout.write("later/Cargo.toml", "[workspace]\n");
    checkout.write("later/Cargo.lock", "version = 4\n");
    // Ended by a signal, as for lack of memory.
    assert!(!is_remembered(&checkout, "kill -KILL $$", false));
    // Ctrl-C ends both, and cargo reports an error of its own.
    let of_a_user = "trap 'exit 101' TERM INT; [ ! -e again ] || exit 0\n\
        touch begun again; while :; do sleep 0.01; done";
    assert!(!is_remembered(&checkout, of_a_user, true));
    assert!(is_remembered(&checkout, "exit 101", false));
}
