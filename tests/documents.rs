//! Checks the documents: linked files exist, ARCHITECTURE.md names every dependency, and README's figures
//! come from recorded runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{both_streams, built, root, skip};

fn documents() -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .expect("a folder can be read")
            .flatten()
        {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let skipped = name.starts_with('.') || ["target", "results", "input"].contains(&&*name);
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The anchors of a page's headings: lower case, hyphens instead of spaces, no punctuation.
fn headings(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('#'));
    lines
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    for document in documents() {
        let text = read(&document);
        for (at, opening) in text.match_indices("](") {
            let rest = &text[at + opening.len()..];
            let whole = rest.split(')').next().unwrap_or_default();
            let (link, anchor) = whole.split_once('#').unwrap_or((whole, ""));
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let target = document
                .parent()
                .expect("a document lies in a folder")
                .join(link);
            assert!(
                target.exists(),
                "{} links to {link}, which is missing",
                document.display()
            );
            assert!(
                anchor.is_empty() || headings(&read(&target)).contains(anchor),
                "{} links to {whole}, where there is no such heading",
                document.display()
            );
        }
    }
}

#[test]
fn every_direct_dependency_is_named_in_the_architecture() {
    let architecture = read(&root().join("ARCHITECTURE.md"));
    let manifest = read(&root().join("Cargo.toml"));
    let dependencies: BTreeSet<&str> = manifest
        .split("[workspace.dependencies]")
        .nth(1)
        .expect("the root manifest lists dependencies")
        .lines()
        .filter(|line| !line.contains("path ="))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
        .collect();
    for dependency in dependencies {
        assert!(
            architecture.contains(&format!("`{dependency}`")),
            "ARCHITECTURE.md does not say what {dependency} is for"
        );
    }
}

#[test]
fn the_figures_in_the_readme_are_those_of_the_recorded_runs() {
    if !root().join("reports/reference").exists() {
        skip("no runs are recorded: scripts/readme-figures record");
        return;
    }
    let output = Command::new(root().join("scripts/readme-figures"))
        .arg("check")
        .env(
            "CARGO_TARGET_DIR",
            built("bench")
                .ancestors()
                .nth(2)
                .expect("target/release/bench"),
        )
        .output();
    match output {
        Ok(output) => assert!(output.status.success(), "{}", both_streams(&output)),
        Err(error) => skip(&format!(
            "scripts/readme-figures: {error}; scripts/install-tools python"
        )),
    }
}
