//! Builds an adapter's program if it is missing or stale.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::catalog::checkout::Checkout;
use crate::catalog::targets::{AdapterRow, is_executable};
use crate::machine::interrupt::Interrupt;
use crate::process::command::{self, ToolError};

/// Whether an adapter's program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Built {
    /// Built, and no source is newer.
    Fresh,
    /// Built, but a source is newer.
    Stale,
    /// Not built.
    Missing,
}

/// Whether everything that `row` builds exists and is newer than its sources.
pub fn state(checkout: &Checkout, row: &AdapterRow) -> Built {
    if !is_executable(&row.executable(checkout)) {
        return Built::Missing;
    }
    if checkout.bundle.is_some() {
        let builds = row.builds(checkout);
        let mut makes = builds.iter().flat_map(|(_, makes)| makes);
        // A bundle builds nothing, and its file times mean nothing.
        return match makes.all(|made| is_executable(made)) {
            true => Built::Fresh,
            false => Built::Missing,
        };
    }
    let inputs = inputs(checkout, row);
    row.builds(checkout)
        .iter()
        .map(|(_, makes)| state_of(makes, &inputs))
        .find(|built| *built != Built::Fresh)
        .unwrap_or(Built::Fresh)
}

/// Inputs of a build that cargo's lists of sources lack: manifest, lock file, table.
fn inputs(checkout: &Checkout, row: &AdapterRow) -> Vec<PathBuf> {
    let Some(manifest) = row.manifest(checkout) else {
        return Vec::new();
    };
    let mut locks = manifest.ancestors().map(|folder| folder.join("Cargo.lock"));
    let lock = locks.find(|lock| lock.is_file());
    let table = checkout.targets_toml();
    [manifest.clone(), table].into_iter().chain(lock).collect()
}

fn state_of(makes: &[PathBuf], inputs: &[PathBuf]) -> Built {
    if !makes.iter().all(|made| is_executable(made)) {
        Built::Missing
    } else if makes.iter().any(|made| is_stale(made, inputs)) {
        Built::Stale
    } else {
        Built::Fresh
    }
}

/// Builds what `row` needs if it is missing or stale. A failure is remembered for [`failed_before`] until a
/// build succeeds.
///
/// # Errors
/// [`ToolError`] if cargo cannot run or fails.
pub fn build(
    checkout: &Checkout,
    row: &AdapterRow,
    interrupt: &Interrupt,
) -> Result<(), ToolError> {
    let built = cargo_build(checkout, row, interrupt);
    let mark = failure_mark(checkout, row);
    match &built {
        // A build that a signal ended says nothing about the sources.
        Err(ToolError::Failed { code: Some(_), .. }) => {
            let _ = fs::write(mark, "");
        }
        Err(_) => {}
        Ok(()) => {
            let _ = fs::remove_file(mark);
        }
    }
    built
}

/// Whether the last build of `row` failed and its manifest, lock file and row are unchanged since.
pub fn failed_before(checkout: &Checkout, row: &AdapterRow) -> bool {
    let inputs = inputs(checkout, row);
    modified(&failure_mark(checkout, row)).is_some_and(|failed| {
        let unchanged = |input: &PathBuf| modified(input).is_some_and(|changed| changed <= failed);
        inputs.iter().all(unchanged)
    })
}

fn failure_mark(checkout: &Checkout, row: &AdapterRow) -> PathBuf {
    checkout.target.join(format!(".build-failed-{}", row.id))
}

fn cargo_build(
    checkout: &Checkout,
    row: &AdapterRow,
    interrupt: &Interrupt,
) -> Result<(), ToolError> {
    let Some(manifest) = row.manifest(checkout) else {
        return Ok(());
    };
    let inputs = inputs(checkout, row);
    for (build, makes) in row.builds(checkout) {
        if state_of(&makes, &inputs) == Built::Fresh {
            continue;
        }
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(&checkout.root)
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(&manifest)
            .arg("--target-dir")
            .arg(&checkout.target)
            .args(&build.args)
            .envs(&build.env);
        command::run_quietly(&mut cargo, &format!("building {}", row.id), interrupt)?;
        // Cargo keeps a program if its sources were only touched. Update its time, or every run would start
        // cargo again.
        for made in makes {
            if let Ok(file) = fs::File::open(&made) {
                let _ = file.set_modified(SystemTime::now());
            }
        }
    }
    Ok(())
}

/// Whether one of `inputs`, or a source in the list that cargo leaves beside `program`, is newer.
fn is_stale(program: &Path, inputs: &[PathBuf]) -> bool {
    let Some(built) = modified(program) else {
        return true;
    };
    let sources = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    sources_in(&sources)
        .iter()
        .map(PathBuf::as_path)
        .chain(inputs.iter().map(PathBuf::as_path))
        .any(|source| modified(source).is_none_or(|changed| changed > built))
}

/// Parses the sources of a makefile rule `program: source source`, where `\ ` is a space in a name.
fn sources_in(rule: &str) -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for line in rule.lines() {
        let Some((_, list)) = line.split_once(": ") else {
            continue;
        };
        let mut name = String::new();
        let mut characters = list.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => name.extend(characters.next()),
                ' ' => sources.push(std::mem::take(&mut name)),
                other => name.push(other),
            }
        }
        sources.push(name);
    }
    sources.retain(|name| !name.is_empty());
    sources.into_iter().map(PathBuf::from).collect()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rule_lists_its_sources_with_spaces_in_names() {
        assert_eq!(
            sources_in("/t/bench: /a/main.rs /b\\ c/lib.rs\n"),
            [PathBuf::from("/a/main.rs"), PathBuf::from("/b c/lib.rs")]
        );
        assert!(sources_in("").is_empty());
    }

    #[test]
    fn a_program_older_than_a_source_is_stale_and_one_with_a_lost_source_too() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["source.rs", "adapter"] {
            fs::write(at(name), "").unwrap();
        }
        let rule = format!("x: {}\n", at("source.rs").display());
        fs::write(at("adapter.d"), rule).unwrap();
        let age = |name: &str, seconds: u64| {
            let then = SystemTime::now() - Duration::from_secs(seconds);
            fs::File::open(at(name))
                .unwrap()
                .set_modified(then)
                .unwrap();
        };
        age("source.rs", 100);
        age("adapter", 50);
        assert!(!is_stale(&at("adapter"), &[]));
        age("source.rs", 10);
        assert!(is_stale(&at("adapter"), &[]));
        age("source.rs", 100);
        assert_eq!(state_of(&[at("adapter")], &[]), Built::Missing);
        fs::set_permissions(at("adapter"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(state_of(&[at("adapter")], &[]), Built::Fresh);
        fs::write(at("Cargo.lock"), "").unwrap();
        assert_eq!(
            state_of(&[at("adapter")], &[at("Cargo.lock")]),
            Built::Stale
        );
        fs::remove_file(at("source.rs")).unwrap();
        assert!(is_stale(&at("adapter"), &[]));
    }
}
