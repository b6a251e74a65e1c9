//! What is not of this project: an engine that somebody else brings, a program that somebody else
//! wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use e2e::{Bench, built, root, row, skip};
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

/// A program that is none of the workloads, as a module and as a binary, is measured like one of
/// them; and what prints something else on another target is told, not measured.
#[test]
fn a_program_of_the_users_own_is_measured_and_its_outputs_compared() {
    let bench = Bench::new();
    let module = root().join("workloads/wasm/hello.wasm");
    let native = bench.folder().join("my-hello");
    let source = |text: &str| {
        let file = bench.folder().join("my-hello.c");
        fs::write(&file, text).expect("a writable folder");
        let compiled = Command::new("cc")
            .args(["-O1", "-static", "-o"])
            .args([&native, &file])
            .status()
            .expect("a C compiler (sudo apt-get install gcc libc6-dev)");
        assert!(compiled.success(), "cc on {}", file.display());
    };
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let arguments = |out: &str| -> Vec<String> {
        let (wasm, native) = (path(&module), path(&native));
        [
            "run", "--wasm", &wasm, "--native", &native, "--quick", "--trials", "1", "--wait",
            "--target", "native", "--target", "keel", "--out", out, "--", "unused",
        ]
        .map(str::to_owned)
        .into()
    };

    source("#include <stdio.h>\nint main(void) { return puts(\"hello, world\") < 0; }");
    bench.exits(0, &arguments("same"));
    let rows = bench.rows(&bench.folder().join("same"));
    for (target, boundary) in [("native", "L4"), ("keel", "L0"), ("keel", "L4")] {
        // A workload is called so already.
        let row = row(&rows, "own-hello", target, boundary, "wall_time");
        assert_eq!(row.expect("a row")["status"], "ok", "{row:?}");
    }

    source("#include <stdio.h>\nint main(void) { return puts(\"hello, sailor\") < 0; }");
    bench.exits(3, &arguments("other"));
    let rows = bench.rows(&bench.folder().join("other"));
    let row = row(&rows, "own-hello", "keel", "L4", "wall_time").expect("a row");
    assert_eq!(row["status"], "wrong-output", "{row}");
}
