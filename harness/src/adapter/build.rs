//! Getting an adapter's program built: when it has to be, and how.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::checkout::Checkout;
use crate::interrupt::Interrupt;
use crate::table::{AdapterRow, is_executable};
use crate::tool::{self, ToolError};

/// Whether an adapter's program is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Built {
    /// It is, and no source is newer.
    Fresh,
    /// It is, but a source is newer.
    Stale,
    /// It is not.
    Missing,
}

/// Looks whether everything that `row` is built to is there and newer than its sources.
pub fn state(checkout: &Checkout, row: &AdapterRow) -> Built {
    if !is_executable(&row.executable(checkout)) {
        return Built::Missing;
    }
    for (_, makes) in row.builds(checkout) {
        for made in makes {
            if !is_executable(&made) {
                return Built::Missing;
            }
            if is_stale(&made, row.manifest(checkout).as_deref()) {
                return Built::Stale;
            }
        }
    }
    Built::Fresh
}

/// Builds everything that `row` needs.
///
/// # Errors
/// [`ToolError`] if cargo cannot be run or fails.
pub fn build(
    checkout: &Checkout,
    row: &AdapterRow,
    interrupt: &Interrupt,
) -> Result<(), ToolError> {
    let Some(manifest) = row.manifest(checkout) else {
        return Ok(());
    };
    for (build, _) in row.builds(checkout) {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(&checkout.root)
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(&manifest)
            .arg("--target-dir")
            .arg(&checkout.target)
            .args(&build.args)
            .envs(&build.env);
        tool::run(&mut cargo, interrupt)?;
        // Cargo leaves a program alone whose sources were merely touched; its age must still
        // say that it was looked at, or every run would ask cargo again.
        for (_, makes) in row.builds(checkout) {
            for made in makes {
                if let Ok(file) = fs::File::open(&made) {
                    let _ = file.set_modified(SystemTime::now());
                }
            }
        }
    }
    Ok(())
}

/// Whether a source of `program` is newer than it, by the list that cargo leaves beside it.
fn is_stale(program: &Path, manifest: Option<&Path>) -> bool {
    let Some(built) = modified(program) else {
        return true;
    };
    let sources = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    sources_in(&sources)
        .iter()
        .map(PathBuf::as_path)
        .chain(manifest)
        .any(|source| modified(source).is_none_or(|changed| changed > built))
}

/// The sources in a makefile rule `program: source source`, where `\ ` is a space in a name.
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
        assert!(!is_stale(&at("adapter"), None));
        age("source.rs", 10);
        assert!(is_stale(&at("adapter"), None));
        fs::remove_file(at("source.rs")).unwrap();
        assert!(is_stale(&at("adapter"), None));
    }
}
