//! Tests the adapter as `bench` starts it, with a program compiled on the spot.

use std::path::Path;
use std::process::Command;

use plimsoll_adapter::conformance::{self, Case, Went};
use plimsoll_adapter::protocol::{Grants, Workload};

#[test]
fn the_adapter_keeps_the_protocol_and_its_launch_runs_in_the_input_folder() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = |name: &str| folder.path().join(name);
    let source = r#"
        #include <stdio.h>
        int main(int argc, char **argv) {
            char line[64] = "";
            FILE *file = fopen(argv[1], "r");
            if (!file) return 1;
            fgets(line, sizeof line, file);
            printf("%d %s", argc, line);
            return 3;
        }
    "#;
    std::fs::write(path("reader.c"), source).expect("a writable folder");
    let compiled = Command::new("cc")
        .args(["-O1", "-static", "-o"])
        .args([path("reader"), path("reader.c")])
        .status()
        .expect("a C compiler (sudo apt-get install gcc libc6-dev)");
    assert!(compiled.success(), "cc on {}", path("reader.c").display());
    std::fs::create_dir(path("input")).expect("a writable folder");
    std::fs::write(path("input/file.txt"), "found\n").expect("a writable folder");
    std::fs::create_dir(path("scratch")).expect("a writable folder");

    let case = Case {
        workload: Workload {
            id: "reader".into(),
            wasm: path("none.wasm"),
            native: Some(path("reader")),
            component: None,
            image: None,
            args: vec!["file.txt".to_owned()],
            input: Some(path("input")),
            grants: Grants::default(),
        },
        exit_code: 3,
        stdout: "2 found\n".to_owned(),
    };
    let exercised = conformance::check(
        Path::new(env!("CARGO_BIN_EXE_adapter-native")),
        &[case],
        &path("scratch"),
    )
    .unwrap_or_else(|violations| panic!("{violations}"));
    let verified = exercised
        .iter()
        .filter(|exercised| matches!(exercised.went, Went::Verified(_)))
        .count();
    assert_eq!(verified, 3, "process, fresh and iterate: {exercised:?}");
}
