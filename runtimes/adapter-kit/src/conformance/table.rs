//! The project's own workloads as cases, from `workloads/workloads.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_record::{Step, WorkloadId};
use serde::Deserialize;

use super::{Case, Went, check};
use crate::protocol::{Grants, Workload};

/// What a case needs of a row; the rest is the harness's business.
#[derive(Deserialize)]
struct Row {
    id: WorkloadId,
    wasm: PathBuf,
    args: Vec<String>,
    input: Option<PathBuf>,
    expected: PathBuf,
    category: Option<String>,
}

/// Another form of a workload.
#[derive(Deserialize)]
struct Component {
    of: WorkloadId,
    wasm: PathBuf,
}

#[derive(Deserialize)]
struct Table {
    workload: Vec<Row>,
    #[serde(default)]
    component: Vec<Component>,
}

/// Use cases, kernels and languages: of these there are many, and tests from end to end verify them,
/// once on every kind of target.
const NAMED_ONLY: [&str; 3] = ["use-case", "kernel", "language"];

/// Every workload of the folder `workloads` that is for every suite, with its expected output; exit
/// code 0.
///
/// # Errors
///
/// When the table or an expected output cannot be read, in words.
pub fn workloads(folder: &Path) -> Result<Vec<Case>, String> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))
    };
    let folder = fs::canonicalize(folder)
        .map_err(|error| format!("finding {}: {error}", folder.display()))?;
    let path = folder.join("workloads.toml");
    let table: Table = toml::from_str(&read(&path)?)
        .map_err(|error| format!("understanding {}: {error}", path.display()))?;
    let component = |id: &WorkloadId| {
        let found = table
            .component
            .iter()
            .find(|component| component.of == *id)?;
        Some(folder.join(&found.wasm))
    };
    table
        .workload
        .into_iter()
        .filter(|row| {
            !row.category
                .as_deref()
                .is_some_and(|one| NAMED_ONLY.contains(&one))
        })
        .map(|row| {
            Ok(Case {
                exit_code: 0,
                stdout: read(&folder.join(row.expected))?,
                workload: Workload {
                    component: component(&row.id),
                    id: row.id,
                    wasm: folder.join(row.wasm),
                    native: None,
                    image: None,
                    args: row.args,
                    input: row.input.map(|input| folder.join(input)),
                    grants: Grants::default(),
                },
            })
        })
        .collect()
}

/// Asserts that the adapter keeps the protocol, drives exactly these targets here, each with so
/// many steps that are done on a workload, and gives every workload's expected output on each of
/// them: every workload of this project that `chosen` takes.
///
/// # Panics
///
/// With everything that is otherwise. A target that is missing is one that has not been set up.
pub fn assert_every_workload(
    adapter: &Path,
    chosen: impl Fn(&str) -> bool,
    targets: &[(&str, usize)],
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workloads");
    let mut cases = workloads(&folder).unwrap_or_else(|error| panic!("{error}"));
    cases.retain(|case| chosen(case.workload.id.as_str()));
    assert!(!cases.is_empty(), "no workload was chosen");
    let scratch = tempfile::tempdir().expect("a temporary directory");

    let exercised =
        check(adapter, &cases, scratch.path()).unwrap_or_else(|violations| panic!("{violations}"));

    let silent: Vec<_> = cases
        .iter()
        .filter(|case| case.stdout.is_empty())
        .map(|case| &case.workload.id)
        .collect();
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &exercised {
        println!("{one:?}");
        // A guest that writes nothing has no first output, and only such a guest has none.
        let to_output = matches!(
            one.step,
            Some(Step::FirstOutputWarm | Step::FirstOutputArtefact)
        );
        match to_output && silent.contains(&&one.workload) {
            true => assert!(matches!(one.went, Went::Unsupported(_)), "{one:?}"),
            false => assert!(matches!(one.went, Went::Verified(_)), "{one:?}"),
        }
        *counted.entry(one.target.as_str()).or_default() += 1;
    }
    let expected: BTreeMap<&str, usize> = targets
        .iter()
        .map(|(target, steps)| (*target, steps * cases.len()))
        .collect();
    assert_eq!(
        counted, expected,
        "a target that is missing has not been set up: `bench setup TARGET` builds its runner"
    );
}
