//! `bench setup`: something that cannot exist on a machine is skipped, and is a failure only if named. A
//! failed build is a failure, and a run does not retry it.

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

#[test]
fn a_build_that_a_signal_ends_is_not_remembered_as_failed() {
    let checkout = Checkout::new();
    checkout.write(
        "later/Cargo.toml",
        "[package]\nname = 'adapter-later'\nversion = '0.1.0'\nedition = '2024'\n[workspace]\n",
    );
    checkout.write(
        "later/Cargo.lock",
        "version = 4\n[[package]]\nname = \"adapter-later\"\nversion = \"0.1.0\"\n",
    );
    checkout.write("later/src/main.rs", "fn main() {}\n");
    // The build script ends cargo.
    checkout.write(
        "later/build.rs",
        "fn main() { let cargo = std::os::unix::process::parent_id().to_string();\n\
         std::process::Command::new(\"kill\").args([\"-9\", &cargo]).status().unwrap(); }\n",
    );
    let (code, _, stderr) = checkout.run(&["setup", "later"]);
    assert_eq!(code, 3, "{stderr}");
    let words = [
        "run",
        "--suite",
        "coldstart",
        "--quick",
        "--target",
        "later",
    ];
    let (code, _, stderr) = checkout.run(&words);
    assert_eq!(code, 3, "{stderr}");
    assert!(!stderr.contains("its last build failed"), "{stderr}");
    assert!(stderr.contains("building later"), "{stderr}");
}
