//! keel passes every case of the WASI test set in `workloads/wasi-tests`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keel::command::{self, Allowance};
use keel::wasi::{Access, Capture, Stdin, Stdout, WasiCtx};
use keel::{Engine, Error, Linker, Module, Store, TrapKind};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The maximum output of a case, bytes.
const OUTPUT_LIMIT_BYTES: usize = 1 << 20;

fn set() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workloads/wasi-tests")
}

fn cases() -> Vec<Value> {
    let table = fs::read(set().join("cases.json")).expect("the table of cases");
    let table: Value = serde_json::from_slice(&table).expect("the table is JSON");
    assert_eq!(table["schema"], "plimsoll.wasi-tests/1");
    table["cases"].as_array().expect("a list of cases").clone()
}

fn name(case: &Value) -> &str {
    case["name"].as_str().expect("a case has a name")
}

/// Creates the files of a case, as `fixture.txt` describes.
fn make_fixture(at: &Path) {
    let fixture = fs::read_to_string(set().join("fixture.txt")).expect("the fixture");
    for line in fixture.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (kind, path, text) = (word(), at.join(word()), word());
        match kind {
            "dir" => fs::create_dir(&path),
            "file" => fs::write(&path, text),
            "link" => std::os::unix::fs::symlink(text, &path),
            _ => panic!("{line}: no such kind of file"),
        }
        .expect(line);
    }
}

/// The names, contents and times of everything outside the granted directory.
fn outside(at: &Path) -> Vec<(PathBuf, String)> {
    let mut found: Vec<_> = [at.to_owned(), at.join("outside")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("the fixture"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !path.ends_with("sandbox"))
        .map(|path| {
            let meta = path.symlink_metadata().expect("metadata");
            let text = fs::read_to_string(&path).unwrap_or_default();
            (
                path,
                format!("{text} {:?} {:?}", meta.file_type(), meta.modified()),
            )
        })
        .collect();
    found.sort();
    found
}

/// Runs a case on keel. The error describes what it got wrong.
fn run(engine: &Engine, case: &Value) -> Result<(), String> {
    run_in(engine, case, |_| ())
}

/// As [`run`]; `change` alters the files after their state outside was recorded.
fn run_in(engine: &Engine, case: &Value, change: impl FnOnce(&Path)) -> Result<(), String> {
    let name = name(case);
    let at = tempfile::tempdir().expect("a directory");
    make_fixture(at.path());
    let before = outside(at.path());
    change(at.path());

    let output = Capture::new(OUTPUT_LIMIT_BYTES);
    let input: Arc<[u8]> = case["stdin"].as_str().unwrap_or_default().as_bytes().into();
    let mut builder = WasiCtx::builder()
        .arg(format!("{name}.wasm"))
        .stdin(Stdin::Bytes(input))
        .stdout(Stdout::Capture(output.clone()))
        .stderr(Stdout::Null);
    for argument in case["args"].as_array().into_iter().flatten() {
        builder = builder.arg(argument.as_str().expect("an argument"));
    }
    for (variable, value) in case["env"].as_object().into_iter().flatten() {
        builder = builder.env(variable, value.as_str().expect("a value"));
    }
    if case["granted"] != Value::Bool(false) {
        builder = builder.directory(at.path().join("sandbox"), "sandbox", Access::ReadWrite);
    }
    let ctx = builder.build().expect("a context");

    let wasm = fs::read(set().join(format!("wasm/{name}.wasm"))).expect("the program");
    let module = Module::new(engine, &wasm).map_err(|error| error.to_string())?;
    let mut linker = Linker::new(engine);
    keel::wasi::add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).expect("46 names");
    let mut store = Store::new(engine, ctx);
    let ran = linker
        .instantiate(&mut store, &module)
        .and_then(|instance| instance.get_typed_func::<(), ()>(&mut store, "_start"))
        .and_then(|start| start.call(&mut store, ()));
    let code = match ran {
        Ok(()) => 0,
        Err(Error::Exit(code)) => code,
        Err(error) => return Err(format!("{error}")),
    };
    let printed = String::from_utf8_lossy(&output.take()).into_owned();
    let expected =
        fs::read_to_string(set().join(format!("expected/{name}.txt"))).expect("what it must print");
    let exits = case["exit"]
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![Value::from(0)]);
    if printed != expected {
        return Err(format!("printed\n{printed}\ninstead of\n{expected}"));
    }
    if !exits.contains(&Value::from(code)) {
        return Err(format!("exited with {code}"));
    }
    if outside(at.path()) != before {
        return Err("something outside the granted directory has changed".to_owned());
    }
    Ok(())
}

#[test]
fn every_case_of_the_set_holds_on_keel() {
    let engine = Engine::default();
    let cases = cases();
    let lost: Vec<_> = cases
        .iter()
        .filter_map(|case| {
            run(&engine, case)
                .err()
                .map(|why| format!("{}: {why}", name(case)))
        })
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {} lost:\n{}",
        lost.len(),
        cases.len(),
        lost.join("\n")
    );
}

/// The cases with these names.
fn named(names: &[&str]) -> Vec<Value> {
    let chosen: Vec<_> = cases()
        .into_iter()
        .filter(|case| names.contains(&name(case)))
        .collect();
    assert_eq!(chosen.len(), names.len(), "{names:?}");
    chosen
}

/// If every outward link points inward, following one is no escape, but the check must report it as
/// one.
#[test]
fn a_guest_that_got_out_by_a_link_would_be_noticed() {
    let engine = Engine::default();
    for case in named(&["escape_link", "escape_link_directory"]) {
        let lost = run_in(&engine, &case, |at| {
            for (link, inside) in [("escape", "file.txt"), ("escapedir", "dir")] {
                let link = at.join("sandbox").join(link);
                fs::remove_file(&link).expect("it is in the fixture");
                std::os::unix::fs::symlink(inside, link).expect("another link");
            }
        });
        let why = lost.expect_err(name(&case));
        assert!(why.contains("FAILED"), "{}: {why}", name(&case));
    }
}

#[test]
fn a_guest_that_changed_something_outside_would_be_noticed() {
    let engine = Engine::default();
    let secret = |at: &Path| at.join("outside/secret.txt");
    let changes: [&dyn Fn(&Path); 4] = [
        &|at| fs::write(secret(at), "SECRET").expect("it can be written"),
        &|at| fs::remove_file(secret(at)).expect("it can be removed"),
        &|at| fs::write(at.join("outside/another"), "").expect("another file"),
        &|at| {
            let file = fs::File::options().write(true).open(secret(at));
            let past = std::time::SystemTime::UNIX_EPOCH;
            file.and_then(|file| file.set_modified(past))
                .expect("its time can be set");
        },
    ];
    for case in named(&["escape_parent", "escape_rename_race"]) {
        for change in changes {
            let why = run_in(&engine, &case, change).expect_err(name(&case));
            assert_eq!(why, "something outside the granted directory has changed");
        }
    }
}

/// Programs that wait repeatedly: for an hour to pass, or for input that never arrives.
const WAITING: [&str; 2] = [
    r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff"
            (func $wait (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "\01")
        (data (i32.const 24) "\00\00\00\00\ff")
        (func (export "_start") (loop
            (drop (call $wait (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
            (br 0))))"#,
    r#"(module
        (import "wasi_snapshot_preview1" "fd_read"
            (func $wait (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\40\00\00\00\08")
        (func (export "_start") (loop
            (drop (call $wait (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
            (br 0))))"#,
];

#[test]
fn a_timeout_ends_a_guest_that_waits_in_the_host() {
    for program in WAITING {
        let (silent, input) = UnixStream::pair().expect("a pair of sockets");
        let ctx = WasiCtx::builder().stdin(Stdin::File(input.into()));
        let ctx = ctx.build().expect("a context");
        let wasm = wat::parse_str(program).expect("a program");
        let module = Module::new(&Engine::default(), &wasm).expect("a module");
        let timeout = Some(Duration::from_millis(20));
        let allowance = Allowance {
            timeout,
            ..Allowance::default()
        };
        let error = command::run(&module, ctx, allowance).expect_err("it never ends by itself");
        let trap = error.as_trap().expect("a trap");
        assert_eq!(trap.kind, TrapKind::Interrupted);
        drop(silent);
    }
}

/// The names of the files with this extension in a folder of the set, without the extension.
fn stems(folder: &str, ending: &str) -> BTreeSet<String> {
    fs::read_dir(set().join(folder))
        .expect("a folder of the set")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter_map(|file| file.strip_suffix(ending).map(str::to_owned))
        .collect()
}

#[test]
fn every_call_has_a_case_and_every_case_is_whole() {
    let table: BTreeSet<String> = cases().iter().map(|case| name(case).to_owned()).collect();
    assert_eq!(stems("cases", ".c"), table, "sources and table");
    assert_eq!(stems("wasm", ".wasm"), table, "binaries and table");
    assert_eq!(
        stems("expected", ".txt"),
        table,
        "expected outputs and table"
    );
    let calls: Vec<_> = keel::wasi::calls::NAMES
        .iter()
        .filter(|c| !table.contains(**c))
        .collect();
    assert!(calls.is_empty(), "no case for {calls:?}");
    assert_eq!(keel::wasi::calls::NAMES.len(), 46);
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn every_binary_is_the_one_in_the_lock_and_built_from_the_present_source() {
    let lock = fs::read_to_string(set().join("wasi-tests.lock")).expect("the lock");
    let lock: toml::Table = lock.parse().expect("the lock is TOML");
    let locked = lock["case"].as_array().expect("a list");
    assert_eq!(locked.len(), cases().len());
    for entry in locked {
        let name = entry["name"].as_str().expect("a name");
        let wasm = fs::read(set().join(format!("wasm/{name}.wasm"))).expect("the program");
        assert_eq!(
            hex(Sha256::digest(&wasm)),
            entry["wasm_sha256"].as_str().expect("a hash")
        );
        let mut sources = Sha256::new();
        for path in ["cases/check.h".to_owned(), format!("cases/{name}.c")] {
            let text = fs::read(set().join(&path)).expect("the source");
            sources.update(format!("{path}\0{}\0", text.len()));
            sources.update(&text);
        }
        assert_eq!(
            hex(sources.finalize()),
            entry["source_sha256"].as_str().expect("a hash"),
            "{name}: run scripts/build-wasi-tests",
        );
    }
}
