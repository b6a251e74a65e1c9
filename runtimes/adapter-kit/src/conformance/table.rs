//! The project's own workloads as cases, from `workloads/workloads.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_record::{Step, WorkloadId};
use serde::Deserialize;

use super::{Case, Went, check};
use crate::protocol::{Grants, Workload};

/// The fields of a row that a case needs.
#[derive(Deserialize)]
struct Row {
    id: WorkloadId,
    wasm: PathBuf,
    args: Vec<String>,
    input: Option<PathBuf>,
    expected: PathBuf,
    category: Option<String>,
}

/// The component form of a workload.
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

/// Categories left out of the cases, because they have many workloads or need a folder to write to; end-to-end tests
/// verify those once per kind of target.
const NAMED_ONLY: [&str; 5] = ["use-case", "kernel", "language", "snapshot", "neighbour"];

/// The workloads in `folder`, with expected output and exit code 0, except the categories in `NAMED_ONLY`.
///
/// # Errors
///
/// If the table or an expected output cannot be read, as a message.
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

/// Asserts that the adapter follows the protocol, has exactly these available targets, each with this number of steps
/// done per workload, and produces the expected output of every workload that `chosen` accepts.
///
/// # Panics
///
/// With every difference. A missing target has not been set up.
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
        // A guest without output, and only such a guest, must be unsupported in first-output steps.
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
