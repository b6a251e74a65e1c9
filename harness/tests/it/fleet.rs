//! The folder of a fleet, without a scheduler.

use std::fs;
use std::process::Command;

use plimsoll::fleet::state::{Fleet, Folder, Node, SCHEMA, Source, StateError, Task};

fn fleet() -> Fleet {
    Fleet {
        schema: SCHEMA.to_owned(),
        id: "a-fleet".to_owned(),
        bench_version: "0".to_owned(),
        arguments: vec!["--suite".to_owned(), "coldstart".to_owned()],
        source: Source::Folder {
            path: "/a/bundle".into(),
        },
        partition: Some("p".to_owned()),
        minutes: None,
        attempts: 3,
        nodes: vec![Node {
            name: "n1".to_owned(),
            tasks: vec![Task { job: 7, index: 0 }],
        }],
    }
}

#[test]
fn the_published_schema_is_that_of_the_state() {
    let published = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/fleet.schema.json");
    let published: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(published).expect("it is published"))
            .expect("JSON");
    let own = serde_json::to_value(schemars::schema_for!(Fleet)).expect("JSON");
    assert_eq!(
        published, own,
        "cargo run --release -p plimsoll --example fleet-schema >docs/fleet.schema.json"
    );
}

#[test]
fn a_fleet_is_read_as_it_was_written_and_never_overwritten() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::at(&place.path().join("fleet")).expect("a path");
    folder.create().expect("it is new");
    folder.write(&fleet()).expect("it can be written");
    assert_eq!(folder.read().expect("it is whole"), fleet());
    assert!(matches!(folder.create(), Err(StateError::Exists(_))));
}

#[test]
fn a_folder_without_a_fleet_of_this_version_is_refused_in_words() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let said = |text: Option<&str>| {
        if let Some(text) = text {
            fs::write(place.path().join("fleet.json"), text).expect("writable");
        }
        let output = Command::new(env!("CARGO_BIN_EXE_bench"))
            .args(["fleet", "status"])
            .arg(place.path())
            .output()
            .expect("it starts");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    assert!(said(None).contains("has no fleet.json"));
    assert!(said(Some("{")).contains("is damaged"));
    assert!(said(Some(r#"{"schema": "plimsoll.fleet/99"}"#)).contains("plimsoll.fleet/99"));
}

#[test]
fn what_every_node_would_refuse_is_refused_before_anything_is_submitted() {
    for (arguments, words) in [
        (
            vec!["--suite", "nonsense-and-more", "--out", "x"],
            "chooses each node's --out",
        ),
        (vec!["--wasm", "relative.wasm"], "relative.wasm is relative"),
        (vec!["--no-such-option"], "--no-such-option"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_bench"))
            .args(["fleet", "run", "--slurm"])
            .args(arguments)
            .output()
            .expect("it starts");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
