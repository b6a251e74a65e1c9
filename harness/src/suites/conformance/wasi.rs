//! The tests of WASI preview 1, workloads/wasi-tests, as a further group.
//!
//! A case is a program with its own grants, variables and input, which must change nothing outside its
//! grants. `scripts/run-wasi-tests` runs it on any engine by the command line in runtimes/targets.toml. Each
//! case counts once.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_adapter::protocol::Launch;
use plimsoll_record::conformance::{FailureMode, Group, ScriptLine, Verdict};
use plimsoll_record::{TargetId, WorkloadId};

use super::groups::ScriptFile;
use crate::catalog::checkout::Checkout;
use crate::catalog::targets::Table;
use crate::machine::interrupt::Interrupt;
use crate::process::spawn::Exited;
use crate::process::status::signal_name;
use crate::run::adapter::child::Fault;
use crate::run::trial::process::{self, Ended};

/// The group's id.
pub const ID: &str = "wasi-preview1";

/// Deadline of the whole set; each case has its own.
const DEADLINE: Duration = Duration::from_secs(600);
/// Maximum output of the script, bytes.
const PRINTED: usize = 1 << 20;

/// Whether a target can run the set, which needs a command in the table.
pub fn runs(table: &Table, target: &TargetId) -> bool {
    let row = table.adapter_of(target);
    row.is_some_and(|row| row.wasi_tests.contains_key(target))
}

/// The group and its list of cases.
///
/// # Errors
/// If the list cannot be read.
pub fn group(checkout: &Checkout) -> io::Result<(Group, ScriptFile)> {
    let text = fs::read_to_string(checkout.workloads().join("wasi-tests/cases.json"))?;
    let script = ScriptFile {
        name: "cases.json".to_owned(),
        text,
        superseded: Vec::new(),
    };
    // Findings need line numbers. Check that every case has one, however the list is formatted.
    let listed = serde_json::from_str::<serde_json::Value>(&script.text)?;
    let listed = listed["cases"].as_array().map_or(0, Vec::len);
    let found = cases(&script.text).len();
    if found != listed {
        let message = format!("cases.json has {listed} cases, and {found} lines with one");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let group = Group {
        id: WorkloadId::from(ID),
        title: "WASI preview 1, one case per call and known edge cases".to_owned(),
        folder: "workloads/wasi-tests".to_owned(),
        proposal: None,
        features: Vec::new(),
        scripts: 1,
        directives: found as u32,
        sha256: crate::catalog::workloads::sha256(script.text.as_bytes()),
    };
    Ok((group, script))
}

/// Every case with its line number, from 1. The list has one case per line.
fn cases(list: &str) -> Vec<(u32, String)> {
    let name = |line: &str| {
        let rest = line.split_once("\"name\": \"")?.1;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let lines = (1..).zip(list.lines());
    lines
        .filter_map(|(number, line)| Some((number, name(line)?)))
        .collect()
}

/// Runs the set on an engine with the form, needs and command in `words`, as in
/// [`AdapterRow::wasi_tests`](crate::catalog::targets::AdapterRow::wasi_tests). Returns the results of all
/// cases.
///
/// # Errors
/// [`Fault::Interrupted`], or [`Fault::Start`] and [`Fault::Crashed`] if the script itself fails.
pub fn run(
    checkout: &Checkout,
    words: &[String],
    script: &ScriptFile,
    trial: (u32, u32),
    interrupt: &Interrupt,
) -> Result<ScriptLine, Fault> {
    let mut args = words.to_vec();
    if let Some(at) = args.iter().position(|word| word == "--")
        && let Some(program) = args.get_mut(at + 1)
        && program.contains('/')
    {
        *program = checkout.target.join(&*program).display().to_string();
    }
    let inherited = ["PATH", "TMPDIR", "HOME"];
    let env: BTreeMap<String, String> = inherited
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    let program: PathBuf = checkout.root.join("scripts/run-wasi-tests");
    let launch = Launch {
        artefact: program.clone(),
        program,
        args,
        env,
        directory: checkout.root.clone(),
        container: None,
    };
    let ran = process::run(&launch, None, PRINTED, DEADLINE, interrupt).map_err(|error| {
        Fault::Start {
            program: "scripts/run-wasi-tests".to_owned(),
            message: error.to_string(),
        }
    })?;
    let how = match ran.ended {
        Ended::Interrupted => return Err(Fault::Interrupted),
        Ended::Deadline => "did not end in time".to_owned(),
        Ended::Exited(Exited::Signal(signal)) => format!("was killed by {}", signal_name(signal)),
        // Exit code 0 or 1: the script ran all cases, and some may be lost.
        Ended::Exited(Exited::Code(0 | 1)) => String::new(),
        Ended::Exited(Exited::Code(code)) => {
            let stderr = String::from_utf8_lossy(&ran.stderr);
            format!("exited with code {code}: {}", stderr.trim())
        }
    };
    let said = verdicts(&String::from_utf8_lossy(&ran.stdout));
    let all = cases(&script.text).into_iter().map(|(line, name)| {
        let verdict = said.get(&name).cloned().unwrap_or_else(|| Verdict::Found {
            how: FailureMode::Crashed,
            message: format!("{name}: scripts/run-wasi-tests {how}"),
        });
        (line, verdict)
    });
    Ok(ScriptLine::of(trial.0, trial.1, &script.name, all))
}

/// Parses the script's result of each case: `ok NAME`, `LOST NAME: WHY` with the difference indented below,
/// `skipped NAME: WHY` for known gaps of the engine.
fn verdicts(printed: &str) -> BTreeMap<String, Verdict> {
    let mut verdicts = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in printed.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, why) = rest.split_once(": ").unwrap_or((rest, ""));
        let verdict = match word {
            "ok" => Verdict::Passed { differs: None },
            "LOST" => Verdict::Found {
                how: FailureMode::Failed,
                message: format!("{name}: {why}"),
            },
            "skipped" => Verdict::Unsupported {
                reason: why.to_owned(),
            },
            _ => {
                let lost = last.as_ref().and_then(|name| verdicts.get_mut(name));
                if let (true, Some(Verdict::Found { message, .. })) = (line.starts_with("  "), lost)
                {
                    message.push_str("; ");
                    message.push_str(line.trim());
                }
                continue;
            }
        };
        last = Some(name.to_owned());
        verdicts.insert(name.to_owned(), verdict);
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_case_is_read_with_what_is_below_it() {
        let said = verdicts(
            "ok append\nLOST fd_read: another output\n    < 1\n    > 2\n\
             skipped rights: needs rights\n1 passed, 1 lost, 1 skipped\n",
        );
        assert_eq!(said.len(), 3);
        assert_eq!(
            said["fd_read"],
            Verdict::Found {
                how: FailureMode::Failed,
                message: "fd_read: another output; < 1; > 2".to_owned()
            }
        );
        let list = "{\n  {\"name\": \"append\"},\n  {\"name\": \"fd_read\", \"args\": []}\n";
        assert_eq!(
            cases(list),
            [(2, "append".to_owned()), (3, "fd_read".to_owned())]
        );
    }
}
