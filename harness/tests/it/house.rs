//! What a reader of `harness/` and `reports/` may count on: files and functions of a size that fits a
//! screen or few, and no engine by name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Most lines of a file.
const FILE: usize = 500;
/// Most lines of a function.
const FUNCTION: usize = 80;
/// Functions that are tables of data: one entry per name, nothing to follow.
const TABLES: &[(&str, &str)] = &[
    ("harness/record/src/vocabulary/metric.rs", "spec"),
    ("harness/record/src/vocabulary/step.rs", "spec"),
];

/// Names of engines where they are meant, or mean something else.
const NAMED: &[(&str, &str)] = &[
    // A machine of a cluster.
    ("harness/src/cmd/fleet", "node"),
    ("harness/src/fleet/", "node"),
    // An image of the user's own program is run once by its client, for the reference output.
    ("harness/src/catalog/user_program/reference.rs", "docker"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every source file of the two folders, by its path from the root, with its text.
fn sources() -> Vec<(String, String)> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => collect(&path, found),
                false => found.extend(path.extension().is_some_and(|e| e == "rs").then_some(path)),
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    collect(&root.join("harness"), &mut found);
    collect(&root.join("reports"), &mut found);
    assert!(found.len() > 100, "only {} sources are found", found.len());
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source is text");
            let path = path.strip_prefix(&root).expect("below the root");
            (path.to_string_lossy().into_owned(), text)
        })
        .collect()
}

/// The functions of a file in rustfmt's layout: name, and lines from `fn` to the closing brace.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        let Some((before, after)) = code.split_once("fn ") else {
            continue;
        };
        let qualifiers = before.split_whitespace().all(|word| {
            let visible = word.starts_with("pub") || word.ends_with(')');
            visible || matches!(word, "const" | "async" | "unsafe" | "extern" | "\"C\"")
        });
        let one_line = code.ends_with(';') || code.ends_with('}');
        if !qualifiers || one_line {
            continue;
        }
        let name = after.split(['(', '<']).next().unwrap_or_default();
        let end = format!("{indent}}}");
        let length = lines[first..].iter().position(|line| *line == end);
        let length = length.unwrap_or_else(|| panic!("{name} has no end in rustfmt's layout"));
        found.push((name.to_owned(), length + 1));
    }
    found
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > FILE)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "split them: {long:#?}");
}

#[test]
fn no_function_is_longer_than_80_lines() {
    let mut tables = BTreeSet::new();
    let mut long = Vec::new();
    for (path, text) in sources() {
        for (name, lines) in functions(&text) {
            if lines <= FUNCTION {
                continue;
            }
            let here = (path.as_str(), name.as_str());
            match TABLES.iter().find(|table| **table == here) {
                Some(table) => drop(tables.insert(*table)),
                None => long.push(format!("{path}: {name} has {lines} lines")),
            }
        }
    }
    assert!(long.is_empty(), "split them: {long:#?}");
    let listed: BTreeSet<_> = TABLES.iter().copied().collect();
    assert_eq!(tables, listed, "a table that is short needs no exception");
}

#[test]
fn harness_and_reports_name_no_engine() {
    let table = fs::read_to_string(root().join("runtimes/targets.toml")).expect("the table");
    let table: toml::Table = table.parse().expect("the table is TOML");
    let rows = table["adapter"].as_array().expect("rows");
    let engines: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row["family"].as_str() != Some("native"))
        .flat_map(|row| row["targets"].as_array().expect("targets"))
        .filter_map(|target| target.as_str()?.split(['/', '+']).next())
        .collect();
    assert!(engines.len() > 5, "{engines:?}");
    let mut named = Vec::new();
    for (path, text) in sources() {
        // Tests make up targets, and may call them as they like.
        if path.contains("/tests/") || path.contains("/benches/") || path.contains("/examples/") {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("// ").next().unwrap_or_default();
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
            if !line.trim_start().starts_with("//")
                && let Some(engine) = words.find(|word| {
                    let meant =
                        |(place, name): &&(&str, &str)| path.starts_with(place) && name == word;
                    engines.contains(word) && !NAMED.iter().any(|one| meant(&one))
                })
            {
                named.push(format!("{path}:{}: {engine}", number + 1));
            }
        }
    }
    assert!(
        named.is_empty(),
        "name them in targets.toml alone: {named:#?}"
    );
}
