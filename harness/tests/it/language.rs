//! Words and phrases that the project avoids: in documents, in the help of every command, and in printed
//! texts of the harness, the reports and the scripts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use plimsoll::cli::Cli;

/// Phrases with their replacements. Matched as whole words, in any case, across line breaks.
const BANNED: &[(&str, &str)] = &[
    ("so many", "the number, or `N`"),
    ("so much", "the amount"),
    ("as what", "a noun"),
    ("is told", "gets; the report says"),
    ("are told", "get; the report says"),
    ("was told", "got"),
    ("told and undone", "reported and restored"),
    ("what answers", "the server"),
    ("that is asked", "a noun"),
    ("is asked", "an active verb"),
    ("are asked", "an active verb"),
    ("was asked", "an active verb"),
    ("asked for", "requested, selected, named"),
    ("asks what", "measures"),
    ("to be had", "available"),
    ("can be had", "is available"),
    ("whose", "with a ..."),
    ("of which", "a sentence of its own"),
    ("of whom", "a sentence of its own"),
    ("held against", "compared with"),
    ("hold against", "compare with"),
    ("holds against", "compares with"),
    ("hold them against", "compare them with"),
    ("hold the times against", "compare the times with"),
    ("hold it against", "compare it with"),
    ("held to the", "checked against the"),
    ("put to its", "sent to its"),
    ("is put to", "is sent to"),
    ("are put to", "are sent to"),
    ("owed", "due; required"),
    ("brought along", "bundled"),
    ("ended well", "exited successfully"),
    ("ends well", "exits successfully"),
    ("by chance", "noise can"),
    ("among that", "including"),
    ("lies there", "is on disk"),
    ("must travel", "must be deployed"),
    ("weighs what", "measures the size of"),
    ("at its most", "peak"),
    ("no chance enters", "does not vary"),
    ("anew each", "again"),
    ("drawn anew", "drawn again"),
    ("said to be", "an active verb"),
    ("thereof", "of it"),
    ("nobody of", "no one in"),
    ("a line a", "one line per"),
    ("a case a", "one case per"),
    ("a thread a", "one thread per"),
    ("an instance a", "one instance per"),
    ("a run a", "one run per"),
    ("a trial a", "one trial per"),
    ("a word a", "one word per"),
    ("a row a", "one row per"),
    ("a figure a", "one figure per"),
    ("a suite a", "one suite per"),
    ("requests a second", "requests per second"),
    ("for want of", "out of; for lack of"),
    ("of one's own", "of your own"),
    ("in the open", "outside a container"),
    ("for who", "for those who"),
    ("hitherto", "until now"),
    ("taking it apart", "destroying it"),
    ("inconclusive, a gate warns", "inconclusive rows only warn"),
    ("slope can come out", "noise can make a slope negative"),
    ("pays at the second", "shows up in"),
    ("usually have", "of typical size"),
];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("the harness is in the checkout")
        .to_owned()
}

/// Every file below `folder` that `wanted` accepts, except built and hidden files and guests' input.
fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
    {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with('.')
            || ["target", "results", "input", "tests", "benches"].contains(&&*name)
        {
            continue;
        }
        match path.is_dir() {
            true => found.extend(files(&path, wanted)),
            false if wanted(&path) => found.push(path),
            false => {}
        }
    }
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Converts to lower case with single spaces between words.
fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace('`', "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The banned phrases in `text`, with some context.
fn findings(text: &str) -> Vec<String> {
    let text = plain(text);
    let mut found = Vec::new();
    for (phrase, instead) in BANNED {
        for (at, _) in text.match_indices(phrase) {
            let before = text[..at].chars().next_back();
            let after = text[at + phrase.len()..].chars().next();
            let inside_a_word = [before, after]
                .into_iter()
                .flatten()
                .any(|c| c.is_alphanumeric() || c == '_');
            if !inside_a_word {
                let from = text[..at]
                    .char_indices()
                    .rev()
                    .nth(30)
                    .map_or(0, |(at, _)| at);
                let around: String = text[from..].chars().take(90).collect();
                found.push(format!("`{phrase}` (write: {instead}): ...{around}..."));
            }
        }
    }
    found
}

fn refuse(found: BTreeSet<String>) {
    let count = found.len();
    let list: Vec<String> = found.into_iter().collect();
    assert!(
        count == 0,
        "{count} foreign turns of phrase:\n{}",
        list.join("\n")
    );
}

#[test]
fn documents_and_scripts_use_no_banned_phrase() {
    let is_text = |path: &Path| {
        let name = shown(path);
        let is_script = name.starts_with("scripts/") && path.extension().is_none();
        let is_table = [
            "suites.toml",
            "conformance.toml",
            "targets.toml",
            "workloads.toml",
            "sandbox.toml",
        ]
        .iter()
        .any(|table| name.ends_with(table));
        name.ends_with(".md") || is_script || is_table
    };
    let found = files(&root(), &is_text);
    assert!(found.len() > 30, "{found:?}");
    refuse(
        found
            .iter()
            .flat_map(|path| {
                let text = fs::read_to_string(path).expect("a document is text");
                findings(&text)
                    .into_iter()
                    .map(|finding| format!("{}: {finding}", shown(path)))
            })
            .collect(),
    );
}

#[test]
fn the_help_of_every_command_uses_no_banned_phrase() {
    fn helps(command: &mut clap::Command, found: &mut BTreeSet<String>, count: &mut usize) {
        *count += 1;
        let help = command.render_long_help().to_string();
        found.extend(
            findings(&help)
                .into_iter()
                .map(|finding| format!("{}: {finding}", command.get_name())),
        );
        for inner in command.get_subcommands_mut() {
            helps(inner, found, count);
        }
    }
    let (mut found, mut count) = (BTreeSet::new(), 0);
    helps(&mut Cli::command(), &mut found, &mut count);
    assert!(count > 8, "{count}");
    refuse(found);
}

/// The string literals of Rust source, except in comments and tests.
fn literals(source: &str) -> Vec<String> {
    let source = source
        .split("#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default();
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'', 'r']) {
        let here = &rest[at..];
        let hashes = here[1..].len() - here[1..].trim_start_matches('#').len();
        let length = if here.starts_with("//") {
            here.find('\n').unwrap_or(here.len())
        } else if here.starts_with('r') && hashes > 0 && here[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = &here[2 + hashes..];
            let length = body.find(&end).unwrap_or(body.len());
            found.push(body[..length].to_owned());
            2 + hashes + length + end.len()
        } else if here.starts_with('"') {
            let mut characters = here.char_indices().skip(1);
            let mut end = here.len();
            while let Some((at, c)) = characters.next() {
                match c {
                    '\\' => drop(characters.next()),
                    '"' => {
                        end = at;
                        break;
                    }
                    _ => {}
                }
            }
            found.push(here[1..end].replace("\\\n", " "));
            (end + 1).min(here.len())
        } else if here.starts_with("'\"'") || here.starts_with("'\\'") {
            if here.starts_with("'\\'") { 4 } else { 3 }
        } else {
            1
        };
        rest = &here[length.min(here.len())..];
    }
    found
}

#[test]
fn texts_of_the_harness_and_the_reports_use_no_banned_phrase() {
    assert_eq!(
        literals("a(\"one\\\"\", '\"', r#\"tw\"o\"#); // \"no\"\n\"three\""),
        ["one\\\"", "tw\"o", "three"]
    );
    let is_source = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    let mut found = BTreeSet::new();
    let mut count = 0;
    for folder in ["harness", "reports"] {
        for path in files(&root().join(folder), &is_source) {
            let source = fs::read_to_string(&path).expect("source is text");
            for literal in literals(&source) {
                count += 1;
                found.extend(
                    findings(&literal)
                        .into_iter()
                        .map(|finding| format!("{}: {finding}", shown(&path))),
                );
            }
        }
    }
    assert!(count > 1000, "{count}");
    refuse(found);
}

/// clap wraps help to the terminal, so a line break inside a paragraph would leave a short line.
#[test]
fn help_has_no_line_break_inside_a_paragraph() {
    let command = Cli::command();
    let mut seen = 0;
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        let notes = command
            .get_after_help()
            .into_iter()
            .chain(command.get_after_long_help());
        for note in notes.map(ToString::to_string) {
            seen += 1;
            for paragraph in note.split("\n\n") {
                assert!(
                    !paragraph.contains('\n'),
                    "{}: {paragraph:?}",
                    command.get_name()
                );
            }
        }
    }
    assert!(seen > 1, "only {seen} commands have notes");
}
