//! A checkout of WebAssembly/wasi-testsuite as a further group: `--wasi-testsuite DIR`.
//!
//! A test is a `.wasm` with an optional manifest, `NAME.json`. The manifest's fields are those of the
//! project's own runners, old and new: `args`, `env`, `exit_code`, `stdout`, `stderr`; the granted folder
//! `root`, granted as `/`, or older `dirs`, each granted under its name; and newest a list of `operations`. A
//! test with unknown fields is skipped on every target, with the reason. A test counts as one directive.
//!
//! # Layout
//!
//! - this file: finds the tests and reads their manifests
//! - `run`: runs the tests on one target

mod run;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_record::WorkloadId;
use plimsoll_record::conformance::Group;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::script::ScriptFile;

pub use run::run;

/// The group's id.
pub const ID: &str = "wasi-testsuite";

/// The folder of tests in a whole checkout.
const TESTS: &str = "tests";
/// The WASI version to run, in folders that name one.
const VERSION: &str = "wasm32-wasip1";

/// One test: a module with its request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Test {
    wasm: PathBuf,
    /// Its request, or why it is skipped on every engine.
    request: Result<TestRequest, String>,
}

/// A test's inputs and expected results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct TestRequest {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    /// Granted folders, each with its name in the guest.
    grants: Vec<(PathBuf, String)>,
    exit_code: i32,
    stdout: Option<String>,
    stderr: Option<String>,
}

/// A manifest in any generation of the format.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Manifest {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    dirs: Vec<String>,
    root: Option<String>,
    exit_code: Option<i32>,
    stdout: Option<String>,
    stderr: Option<String>,
    /// The calls under test; informative only.
    #[serde(rename = "wasi_functions")]
    _wasi_functions: Vec<String>,
    operations: Vec<Operation>,
    proposals: Vec<String>,
    world: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Operation {
    Run {
        #[serde(default)]
        args: Vec<String>,
        #[serde(default)]
        env: BTreeMap<String, String>,
        #[serde(default)]
        dirs: Vec<String>,
        root: Option<String>,
    },
    Wait {
        #[serde(default)]
        exit_code: i32,
    },
    Read {
        #[serde(default = "stdout")]
        id: String,
        payload: String,
    },
    #[serde(other)]
    Unknown,
}

fn stdout() -> String {
    "stdout".to_owned()
}

/// The `manifest.json` of a folder.
#[derive(Debug, Deserialize)]
struct Folder {
    version: Option<String>,
}

/// The group of the tests in `directory`, each as a script of one directive.
///
/// # Errors
/// If the folder cannot be read or has no tests.
pub fn group(directory: &Path) -> io::Result<(Group, Vec<ScriptFile>)> {
    let tests = tests(directory)?;
    let mut hash = Sha256::new();
    let mut scripts = Vec::new();
    for (name, test) in &tests {
        let manifest = manifest(&test.wasm);
        for path in [&test.wasm, &manifest] {
            let bytes = match fs::read(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                read => read?,
            };
            hash.update(name.as_bytes());
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(&bytes);
        }
        scripts.push(ScriptFile {
            name: name.clone(),
            text: test.wasm.display().to_string(),
            superseded: Vec::new(),
        });
    }
    if scripts.is_empty() {
        let message = format!(
            "{} has no tests: give a checkout of WebAssembly/wasi-testsuite with its tests built \
             (branch prod/testsuite-base), or a folder of .wasm files with manifests",
            directory.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let group = Group {
        id: WorkloadId::from(ID),
        title: "WebAssembly/wasi-testsuite, WASI preview 1".to_owned(),
        folder: directory.display().to_string(),
        proposal: None,
        features: Vec::new(),
        scripts: scripts.len() as u32,
        directives: scripts.len() as u32,
        sha256: hex::encode(hash.finalize()),
    };
    Ok((group, scripts))
}

/// Every test of a folder by its relative path, in order.
fn tests(directory: &Path) -> io::Result<BTreeMap<String, Test>> {
    let whole = directory.join(TESTS);
    let root = match whole.is_dir() {
        true => whole,
        false => directory.to_owned(),
    };
    let mut tests = BTreeMap::new();
    below(&root, &root, &mut tests)?;
    Ok(tests)
}

fn below(root: &Path, folder: &Path, tests: &mut BTreeMap<String, Test>) -> io::Result<()> {
    // Folders for other WASI versions have no tests for preview 1.
    if let Ok(bytes) = fs::read(folder.join("manifest.json"))
        && let Ok(Folder {
            version: Some(version),
        }) = serde_json::from_slice(&bytes)
        && version != VERSION
    {
        return Ok(());
    }
    let named_otherwise = |name: &str| name.starts_with("wasm32-wasip") && name != VERSION;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            // Granted folders can contain anything, and proposals need features that no target here has.
            let others = name.starts_with('.') || name.ends_with(".dir") || name == "proposals";
            if !others && !named_otherwise(&name) {
                below(root, &path, tests)?;
            }
        } else if name.ends_with(".wasm") {
            let shown = path.strip_prefix(root).unwrap_or(&path);
            let test = Test {
                request: request_of(&path),
                wasm: path.clone(),
            };
            tests.insert(shown.display().to_string(), test);
        }
    }
    Ok(())
}

/// Path of a test's manifest.
fn manifest(wasm: &Path) -> PathBuf {
    wasm.with_extension("json")
}

/// The request in a test's manifest; the defaults without one.
fn request_of(wasm: &Path) -> Result<TestRequest, String> {
    let path = manifest(wasm);
    let manifest: Manifest = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Manifest::default(),
        Err(error) => return Err(format!("its manifest cannot be read: {error}")),
        // Parsed as an object first, because serde would also accept an array as a manifest.
        Ok(bytes) => serde_json::from_slice(&bytes)
            .and_then(|fields| serde_json::from_value(serde_json::Value::Object(fields)))
            .map_err(|error| format!("its manifest cannot be understood: {error}"))?,
    };
    if let Some(world) = manifest.world.filter(|world| world != "wasi:cli/command") {
        return Err(format!("it is of the world {world}"));
    }
    if !manifest.proposals.is_empty() {
        return Err(format!("it needs {}", manifest.proposals.join(", ")));
    }
    let folder = wasm.parent().unwrap_or(Path::new(""));
    let mut request = TestRequest {
        args: manifest.args,
        env: manifest.env,
        grants: grants(folder, manifest.dirs, manifest.root),
        exit_code: manifest.exit_code.unwrap_or(0),
        stdout: manifest.stdout,
        stderr: manifest.stderr,
    };
    for operation in manifest.operations {
        match operation {
            Operation::Run {
                args,
                env,
                dirs,
                root,
            } => {
                request.args = args;
                request.env = env;
                request.grants = grants(folder, dirs, root);
            }
            Operation::Wait { exit_code } => request.exit_code = exit_code,
            Operation::Read { id, payload } => {
                let stream = match id.as_str() {
                    "stdout" => &mut request.stdout,
                    "stderr" => &mut request.stderr,
                    other => return Err(format!("it reads from {other}")),
                };
                stream.get_or_insert_default().push_str(&payload);
            }
            Operation::Unknown => {
                let why = "it asks for an operation that is not known here";
                return Err(why.to_owned());
            }
        }
    }
    Ok(request)
}

fn grants(folder: &Path, dirs: Vec<String>, root: Option<String>) -> Vec<(PathBuf, String)> {
    let named = dirs.into_iter().map(|name| (folder.join(&name), name));
    let root = root.map(|name| (folder.join(name), "/".to_owned()));
    named.chain(root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_of_manifest(manifest: &str) -> Result<TestRequest, String> {
        let folder = tempfile::tempdir().unwrap();
        let wasm = folder.path().join("t.wasm");
        fs::write(wasm.with_extension("json"), manifest).unwrap();
        let mut request = request_of(&wasm)?;
        for (host, _) in &mut request.grants {
            *host = host.strip_prefix(folder.path()).unwrap().to_owned();
        }
        Ok(request)
    }

    #[test]
    fn every_generation_of_manifest_says_the_same() {
        let whole = TestRequest {
            args: vec!["a b".to_owned()],
            env: [("NAME".to_owned(), "a=b\nc".to_owned())].into(),
            grants: vec![(PathBuf::from("fs.dir"), "fs.dir".to_owned())],
            exit_code: 33,
            stdout: Some("hello".to_owned()),
            stderr: None,
        };
        let oldest = r#"{"args": ["a b"], "env": {"NAME": "a=b\nc"}, "dirs": ["fs.dir"],
            "exit_code": 33, "stdout": "hello", "wasi_functions": ["fd_write"]}"#;
        assert_eq!(request_of_manifest(oldest), Ok(whole.clone()));
        let rooted = TestRequest {
            grants: vec![(PathBuf::from("fs.dir"), "/".to_owned())],
            ..whole
        };
        let newer = oldest.replace(r#""dirs": ["fs.dir"]"#, r#""root": "fs.dir""#);
        assert_eq!(request_of_manifest(&newer), Ok(rooted.clone()));
        let newest = r#"{"operations": [
            {"type": "run", "args": ["a b"], "env": {"NAME": "a=b\nc"}, "root": "fs.dir"},
            {"type": "read", "payload": "hel"}, {"type": "read", "id": "stdout", "payload": "lo"},
            {"type": "wait", "exit_code": 33}]}"#;
        assert_eq!(request_of_manifest(newest), Ok(rooted));
        assert_eq!(request_of_manifest("{}"), Ok(TestRequest::default()));
    }

    #[test]
    fn what_is_not_understood_is_a_reason_and_no_panic() {
        for (manifest, why) in [
            ("{", "cannot be understood"),
            ("[]", "cannot be understood"),
            (r#"{"args": "one"}"#, "cannot be understood"),
            (r#"{"exit_code": "no"}"#, "cannot be understood"),
            (r#"{"dance": true}"#, "dance"),
            (r#"{"world": "wasi:http/service"}"#, "wasi:http/service"),
            (r#"{"proposals": ["sockets"]}"#, "sockets"),
            (r#"{"operations": [{"type": "connect"}]}"#, "not known here"),
            (
                r#"{"operations": [{"type": "read", "id": "port", "payload": ""}]}"#,
                "port",
            ),
        ] {
            let found = request_of_manifest(manifest).expect_err(manifest);
            assert!(found.contains(why), "{manifest}: {found}");
        }
    }
}
