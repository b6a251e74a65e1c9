//! Third-party parts: someone else's engine adapter, and the user's own program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use e2e::{
    ANOTHER_RUN, Bench, both_streams, built, container_engine_answers, outcomes, root, row, signal,
    skip, within, words,
};
use plimsoll_adapter::conformance::{self, Went};
use rustix::process::Signal;

/// A Python adapter of under 150 lines works like any other.
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
    let example = root().join("runtimes/adapter-kit/examples/bring-your-own.py");
    let text = fs::read_to_string(&example).expect("the example is there");
    assert!(text.lines().count() < 150, "it is not short any more");

    // It drives the engine on PATH.
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

/// The user's own program, as a module and a binary, is measured like a workload. A different output on
/// another target is reported, not measured.
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
        // A workload has that name already.
        let row = row(&rows, "own-hello", target, boundary, "wall_time");
        assert_eq!(row.expect("a row")["status"], "ok", "{row:?}");
    }

    source("#include <stdio.h>\nint main(void) { return puts(\"hello, sailor\") < 0; }");
    bench.exits(3, &arguments("other"));
    let rows = bench.rows(&bench.folder().join("other"));
    let row = row(&rows, "own-hello", "keel", "L4", "wall_time").expect("a row");
    assert_eq!(row["status"], "wrong-output", "{row}");
}

/// Output is bytes, and an exit code is what a process reports: a program with non-text output and exit code
/// 256 is correct at every boundary or at none.
#[test]
fn output_that_is_no_text_is_right_inside_and_outside_of_a_process() {
    let bench = Bench::new();
    let module = bench.folder().join("binary.wat");
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_write"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\04\00\00\00")
        (data (i32.const 16) "\ff\00\fe\n")
        (func (export "_start")
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
          (call $exit (i32.const 256))))"#;
    fs::write(&module, wat::parse_str(text).expect("a module")).expect("a writable folder");
    let module = module.to_str().expect("UTF-8");
    bench.exits(
        0,
        &[
            "run", "--wasm", module, "--quick", "--trials", "1", "--wait", "--target", "keel",
            "--out", "binary",
        ],
    );
    let rows = bench.rows(&bench.folder().join("binary"));
    for boundary in ["L0", "L1", "L3", "L4"] {
        let row = row(&rows, "binary", "keel", boundary, "wall_time");
        assert_eq!(row.expect("a row")["status"], "ok", "{row:?}");
    }
}

/// The user's own image is started unchanged, without trials of unsupported steps.
#[test]
fn a_program_in_an_image_of_the_users_own_is_measured_where_its_target_takes_one() {
    if !container_engine_answers() {
        return;
    }
    let bench = Bench::new();
    let image = Image::of(
        &bench,
        "int main(void) { return puts(\"hello, world\") < 0; }",
    );
    let module = root().join("workloads/wasm/hello.wasm");
    let words = [
        "run",
        "--wasm",
        module.to_str().expect("UTF-8"),
        "--image",
        &image.0,
        "--trials",
        "1",
        "--wait",
        "--target",
        "keel",
        "--target",
        "docker/runc+host-net",
        "--target",
        "oci/runc",
        "--out",
        "run",
    ];
    bench.exits(0, &words);
    let folder = bench.folder().join("run");
    let rows = bench.rows(&folder);
    for boundary in ["L3", "L4", "L5"] {
        let of = "docker/runc+host-net";
        let row = row(&rows, "own-hello", of, boundary, "wall_time").expect("a row");
        assert_eq!(row["status"], "ok", "{row}");
    }
    // The image is not loaded, and a runtime without an engine has no images.
    assert!(
        rows.iter()
            .all(|row| row["target"] != "docker/runc+host-net" || row["boundary"] != "L6")
    );
    assert!(
        rows.iter().all(|row| row["target"] != "oci/runc"),
        "{rows:?}"
    );

    // An image with another output is reported, not measured.
    let other = Image::of(
        &bench,
        "int main(void) { return puts(\"hello, sailor\") < 0; }",
    );
    let mut words = words;
    (words[4], words[15]) = (&other.0, "other");
    bench.exits(3, &words);
    let rows = bench.rows(&bench.folder().join("other"));
    let row = row(
        &rows,
        "own-hello",
        "docker/runc+host-net",
        "L4",
        "wall_time",
    )
    .expect("a row");
    assert_eq!(row["status"], "wrong-output", "{row}");
}

/// A run of the user's own program can be resumed with the same program.
#[test]
fn an_interrupted_run_of_a_program_of_the_users_own_is_continued() {
    let bench = Bench::new();
    let module = bench.folder().join("mine.wasm");
    fs::copy(root().join("workloads/wasm/hello.wasm"), &module).expect("a writable folder");
    let mut child = bench
        .command(&words(
            "run --wasm mine.wasm --trials 40 --wait --target keel --out run -- unused",
        ))
        .spawn()
        .expect("bench can be started");
    let run = bench.folder().join("run");
    within(ANOTHER_RUN, "two trials", || {
        (outcomes(&run).len() >= 2).then_some(())
    });
    signal(child.id(), Signal::INT);
    let ended = child.wait().expect("bench ends");
    assert_eq!(ended.code(), Some(3), "{ended}");
    let before = outcomes(&run).len();

    // From another folder, because paths of the command line stay valid.
    let elsewhere = Bench::new();
    elsewhere.exits(
        0,
        &["run", "--resume", run.to_str().expect("UTF-8"), "--wait"],
    );
    let all = outcomes(&run);
    assert!(before < all.len(), "{before} of {}", all.len());
    assert!(all.iter().all(|line| line["status"] == "ok"), "{all:?}");
    let text = fs::read_to_string(run.join("run.json")).expect("a run has a run.json");
    let record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(Some(all.len()), record["plan"].as_array().map(Vec::len));
}

/// An image on the engine, removed when dropped.
struct Image(String);

impl Image {
    /// An image with only a static program of this C source as its entry point.
    fn of(bench: &Bench, source: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("own-test-{}:{made}", std::process::id());
        let (file, program) = (bench.folder().join("mine.c"), bench.folder().join("mine"));
        fs::write(&file, format!("#include <stdio.h>\n{source}")).expect("a writable folder");
        let sh = |script: &str| {
            let output = Command::new("sh")
                .args(["-ec", script])
                .current_dir(bench.folder())
                .output()
                .expect("sh can be started");
            assert!(
                output.status.success(),
                "{script}: {}",
                both_streams(&output)
            );
        };
        sh(&format!(
            "cc -O1 -static -o {} {}",
            program.display(),
            file.display()
        ));
        let entry = "ENTRYPOINT [\"/mine\"]";
        sh(&format!(
            "tar -c mine | docker import --change '{entry}' - {name}"
        ));
        Self(name)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rmi", "--force", &self.0])
            .output();
    }
}
