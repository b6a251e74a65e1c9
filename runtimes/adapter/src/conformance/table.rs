//! The project's own workloads as cases, from `workloads/workloads.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_record::WorkloadId;
use serde::Deserialize;

use super::Case;
use crate::protocol::Workload;

/// What a case needs of a row; the rest is the harness's business.
#[derive(Deserialize)]
struct Row {
    id: WorkloadId,
    wasm: PathBuf,
    args: Vec<String>,
    input: Option<PathBuf>,
    expected: PathBuf,
}

#[derive(Deserialize)]
struct Table {
    workload: Vec<Row>,
}

/// Every workload of the folder `workloads`, with its expected output; exit code 0.
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
    table
        .workload
        .into_iter()
        .map(|row| {
            Ok(Case {
                exit_code: 0,
                stdout: read(&folder.join(row.expected))?,
                workload: Workload {
                    id: row.id,
                    wasm: folder.join(row.wasm),
                    native: None,
                    args: row.args,
                    input: row.input.map(|input| folder.join(input)),
                },
            })
        })
        .collect()
}
