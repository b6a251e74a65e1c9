//! Checks the documents: `bench` accepts every command line in them, every suite, target, workload and script
//! they name exists, and every recorded line they show can be parsed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use plimsoll::catalog::selection::matches;
use plimsoll::cli::{Cli, Command};
use plimsoll_record::{Line, Suite};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("the harness lies in the checkout")
        .to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every document, and the examples for pipelines: (path from the root, text).
fn documents() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a folder of the checkout can be read");
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let skipped = name.starts_with('.') || ["target", "results", "input"].contains(&&*name);
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if name.ends_with(".md") || name == "action.yml" || name == "gitlab-ci.yml" {
                let shown = path.strip_prefix(root()).expect("it lies below the root");
                found.push((shown.display().to_string(), read(&path)));
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found.sort();
    found
}

/// Splits a command line as a shell would, without a trailing comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if word.is_empty() => break,
            (None, c) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (None, c) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Complete command lines on their own lines.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter_map(|line| {
        let line = line.split(" && ").last().unwrap_or(line);
        let line = line
            .trim_start_matches("$ ")
            .trim_start_matches("- ")
            .trim_start_matches("target/release/");
        let words = words(line);
        // A sentence may also start with the name.
        let verb = words.get(1)?;
        let is_line = words[0] == "bench" && !text_of_a_sentence(&words);
        (is_line && verb.chars().all(|c| c.is_ascii_lowercase())).then_some(words)
    });
    lines.collect()
}

fn text_of_a_sentence(words: &[String]) -> bool {
    words
        .iter()
        .any(|word| word.ends_with([',', '.', ';', ':', '`']) && word != ".")
}

/// The ids of a table in TOML.
fn ids(file: &str, key: &str) -> BTreeSet<String> {
    let text = read(&root().join(file));
    let mut found = BTreeSet::new();
    for part in text.split(&format!("\n{key} = ")).skip(1) {
        let end = match part.starts_with('[') {
            true => part.find(']').unwrap_or(part.len()),
            false => part.find('\n').unwrap_or(part.len()),
        };
        let quoted = part[..end].split('"').skip(1).step_by(2);
        found.extend(quoted.map(str::to_owned));
    }
    found
}

/// Checks that each of `globs` matches an existing id.
fn known(globs: &[String], ids: &BTreeSet<String>, line: &[String]) {
    for glob in globs.iter().filter(|glob| !glob.starts_with('$')) {
        let found = ids.iter().any(|id| matches(glob, id));
        assert!(found, "{line:?}: there is no {glob}");
    }
}

#[test]
fn every_command_line_in_the_documents_is_one_that_bench_takes() {
    let targets = ids("runtimes/targets.toml", "targets");
    let adapters = ids("runtimes/targets.toml", "id");
    let mut workloads = ids("workloads/workloads.toml", "id");
    workloads.extend(ids("harness/conformance.toml", "id"));
    let suites: BTreeSet<String> = Suite::ALL.iter().map(ToString::to_string).collect();
    let mut checked = BTreeSet::new();
    for (document, text) in documents() {
        for mut line in command_lines(&text) {
            // In pipelines, arrays stand for more words, variables for names and a percentage.
            line.retain(|word| !word.starts_with("${"));
            for word in line.iter_mut().filter(|word| *word == "$THRESHOLD") {
                *word = "2%".to_owned();
            }
            let parsed = Cli::try_parse_from(&line);
            let parsed = parsed.unwrap_or_else(|error| panic!("{document}: {line:?}: {error}"));
            match &parsed.command {
                Command::Run(run) => {
                    known(&run.targets, &targets, &line);
                    known(&run.workloads, &workloads, &line);
                    known(run.suite.as_slice(), &suites, &line);
                }
                Command::Gate(gate) => {
                    known(&gate.targets, &targets, &line);
                    known(&gate.workloads, &workloads, &line);
                    known(&gate.suites, &suites, &line);
                }
                Command::Setup(setup) => {
                    known(
                        &setup.targets,
                        &adapters.union(&targets).cloned().collect(),
                        &line,
                    );
                }
                Command::Report(report) => {
                    known(&report.targets, &targets, &line);
                    known(&report.workloads, &workloads, &line);
                }
                _ => {}
            }
            checked.insert(line[1].clone());
        }
    }
    for verb in [
        "doctor", "run", "report", "setup", "compare", "gate", "history", "list",
    ] {
        assert!(
            checked.contains(verb),
            "no document shows `bench {verb}`: {checked:?}"
        );
    }
}

#[test]
fn every_script_that_a_document_names_is_there_and_can_be_started() {
    use std::os::unix::fs::PermissionsExt;
    let mut seen = BTreeSet::new();
    for (document, text) in documents() {
        for part in text.split("scripts/").skip(1) {
            let name: String = part
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.'))
                .collect();
            let name = name.trim_end_matches(['.', '/']);
            let path = root().join("scripts").join(name);
            assert!(
                path.exists(),
                "{document} names scripts/{name}, which is not there"
            );
            let mode = path.metadata().expect("it is there").permissions().mode();
            assert!(
                path.is_dir() || name.contains('.') || mode & 0o111 != 0,
                "scripts/{name}"
            );
            seen.insert(name.to_owned());
        }
    }
    assert!(seen.len() > 5, "{seen:?}");
}

#[test]
fn every_line_of_a_run_that_the_format_shows_can_be_read() {
    let format = read(&root().join("docs/FORMAT.md"));
    let shown: Vec<&str> = format
        .lines()
        .filter(|line| line.starts_with("{\"type\""))
        .collect();
    assert!(shown.len() >= 4, "{shown:?}");
    for line in shown {
        let read: Result<Line, _> = serde_json::from_str(line);
        assert!(read.is_ok(), "{line}: {read:?}");
    }
}

#[test]
fn only_one_script_installs_packages_and_it_waits_for_locks() {
    let one = read(&root().join("scripts/apt-install"));
    assert!(one.contains("DPkg::Lock::Timeout"), "{one}");
    let folder = fs::read_dir(root().join("scripts")).expect("scripts");
    let mut seen = 0;
    for path in folder.flatten().map(|entry| entry.path()) {
        if path.is_dir() || path.ends_with("apt-install") {
            continue;
        }
        seen += 1;
        for line in read(&path).lines() {
            // A separate prefix has its own locks, and a message only names the command.
            let installs = line.contains("apt-get install") || line.contains("apt-get update");
            let says = line.contains("sudo ") || line.contains("echo ") || line.contains("die ");
            let bare = line.contains("apt-get update -q >/dev/null; export");
            assert!(!installs || says || bare, "{}: {line}", path.display());
        }
    }
    assert!(seen > 20, "{seen}");
}
