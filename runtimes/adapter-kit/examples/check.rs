//! Tests any adapter against the protocol: `check ADAPTER WORKLOAD.wasm EXPECTED-STDOUT-FILE [INPUT-FOLDER|- [ARG..]]`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plimsoll_adapter::conformance::{self, Case, Went};
use plimsoll_adapter::protocol::{Grants, Workload};
use plimsoll_adapter::record::{Nanoseconds, WorkloadId};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [adapter, wasm, expected, rest @ ..] = &args[..] else {
        eprintln!(
            "usage: check ADAPTER WORKLOAD.wasm EXPECTED-STDOUT-FILE [INPUT-FOLDER|- [ARG..]]"
        );
        return ExitCode::from(2);
    };
    match check(
        Path::new(adapter),
        Path::new(wasm),
        Path::new(expected),
        rest,
    ) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(1)
        }
    }
}

fn check(
    adapter: &Path,
    wasm: &Path,
    expected: &Path,
    rest: &[String],
) -> Result<(), Box<dyn std::error::Error>> {
    let input = match rest.first().map(String::as_str) {
        None | Some("-") => None,
        Some(folder) => Some(fs::canonicalize(folder)?),
    };
    let id = wasm.file_stem().unwrap_or_default().to_string_lossy();
    let case = Case {
        workload: Workload {
            id: WorkloadId(id.into_owned()),
            wasm: fs::canonicalize(wasm)?,
            native: None,
            component: None,
            image: None,
            args: rest.iter().skip(1).cloned().collect(),
            input,
            grants: Grants::default(),
        },
        exit_code: 0,
        stdout: fs::read_to_string(expected)?,
    };
    let scratch = Scratch::new()?;
    for exercised in conformance::check(adapter, &[case], &scratch.0)? {
        let step = exercised.step.map_or("prepare", |step| step.name());
        let went = match exercised.went {
            Went::Verified(Some(Nanoseconds(ns))) => format!("verified, {} us", ns / 1000),
            Went::Verified(None) => "verified".to_owned(),
            Went::Unsupported(reason) => format!("unsupported: {reason}"),
        };
        println!("{:<40} {step:<12} {went}", exercised.target);
    }
    Ok(())
}

/// A directory that is removed when the check ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("plimsoll-check-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // At worst a temporary directory remains.
        let _ = fs::remove_dir_all(&self.0);
    }
}
