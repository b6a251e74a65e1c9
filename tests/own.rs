//! What is not of this project: an engine that somebody else brings, a program that somebody else
//! wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use e2e::{built, root, skip};
use plimsoll_adapter::conformance::{self, Went};

/// An adapter in Python, under 150 lines, is an adapter like any other.
#[test]
fn the_example_of_an_adapter_in_another_language_keeps_the_protocol() {
    if !Command::new("python3")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        skip("no python3 is on PATH; scripts/install-tools python");
        return;
    }
    let example = root().join("runtimes/adapter/examples/bring-your-own.py");
    let text = fs::read_to_string(&example).expect("the example is there");
    assert!(text.lines().count() < 150, "it is not short any more");

    // The engine that it drives is the one on PATH.
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let with_path = |name: &str, path: &Path| {
        let script = folder.path().join(name);
        let line = format!(
            "#!/bin/sh\nPATH='{}':\"$PATH\" exec '{}'\n",
            path.display(),
            example.display()
        );
        fs::write(&script, line).expect("a script can be written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("and made one");
        script
    };
    let keel = built("keel");
    let adapter = with_path("adapter", keel.parent().expect("it lies in a folder"));
    let mut cases = conformance::workloads(&root().join("workloads")).expect("the workloads");
    cases.retain(|case| ["hello", "handler", "json"].contains(&case.workload.id.as_str()));

    let exercised = conformance::check(&adapter, &cases, folder.path())
        .unwrap_or_else(|violations| panic!("{violations}"));

    assert_eq!(exercised.len(), 3 * 2, "{exercised:?}");
    for one in exercised {
        assert!(matches!(one.went, Went::Verified(_)), "{one:?}");
    }
}
