//! Runs every `bench` command in README and docs, reduced to few targets, one workload and one trial.
//! Commands that a test must not run on the machine are skipped with a reason.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use e2e::{Bench, both_streams, root, skip};
use serde_json::Value;

/// The commands of a page, in order: lines of code blocks without a language, and inline code that starts
/// with `bench`. A bare command name does not count.
fn shown_commands(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut block: Option<&str> = None;
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            block = block.is_none().then_some(language);
            continue;
        }
        let candidates: Vec<&str> = match block {
            Some("") => line.split(" && ").collect(),
            Some(_) => continue,
            None => line.split('`').skip(1).step_by(2).collect(),
        };
        for command in candidates {
            let command = command.split(" #").next().unwrap_or(command).trim();
            let command = command
                .trim_start_matches("$ ")
                .trim_start_matches("target/release/");
            let words = command.split(' ').filter(|word| !word.is_empty()).count();
            let lists = command.starts_with("bench doctor") || command == "bench report";
            if command.starts_with("bench ") && (words > 2 || lists) {
                found.push(command.to_owned());
            }
        }
    }
    found
}

/// Reduces a `bench run` to seconds.
fn narrowed(words: &mut Vec<String>) {
    let has = |words: &[String], flag: &str| words.iter().any(|word| word == flag);
    let suite = words
        .iter()
        .position(|word| word == "--suite")
        .map(|at| words[at + 1].clone());
    let mut more = vec!["--wait"];
    if !has(words, "--resume") && !has(words, "--list") {
        let workload = match suite.as_deref() {
            None => None,
            // Its server and its neighbours belong together: the suite's own.
            Some("neighbours") => None,
            Some("serve") => Some("handler"),
            Some("languages") => Some("words-rust"),
            Some("conformance") => Some("extended-const"),
            Some("sandbox") => Some("*"),
            Some("throughput") => Some("json"),
            Some(_) => Some("hello"),
        };
        if !has(words, "--target") {
            // The specification's tests have no native form.
            if suite.as_deref() != Some("conformance") {
                more.extend(["--target", "native"]);
            }
            more.extend(["--target", "keel"]);
        }
        if let Some(workload) = workload.filter(|_| !has(words, "--workload")) {
            more.extend(["--workload", workload]);
        }
        let timed = !matches!(suite.as_deref(), Some("conformance" | "sandbox"));
        if timed {
            more.extend(["--trials", "1"]);
        }
        if timed && !has(words, "--quick") {
            more.push("--quick");
        }
    }
    let end = words
        .iter()
        .position(|word| word == "--")
        .unwrap_or(words.len());
    words.splice(end..end, more.into_iter().map(str::to_owned));
}

/// A page's folder, with the files and runs used by its commands.
struct Page {
    bench: Bench,
    /// The run that replaces RUN, BASE, CANDIDATE and DIR.
    run: String,
}

impl Page {
    fn new() -> Self {
        let bench = Bench::new();
        let folder = bench.folder();
        for name in ["my.wasm", "old.wasm", "new.wasm"] {
            let module = root().join("workloads/wasm/hello.wasm");
            fs::copy(module, folder.join(name)).expect("a writable folder");
        }
        let source = folder.join("my.c");
        fs::write(
            &source,
            "#include <stdio.h>\nint main(void) { puts(\"hello, world\"); }\n",
        )
        .expect("a writable folder");
        let compiled = Command::new("cc")
            .args(["-O1", "-static", "-o"])
            .args([&folder.join("my"), &source])
            .status()
            .expect("a C compiler (sudo apt-get install gcc libc6-dev)");
        assert!(compiled.success(), "cc on {}", source.display());
        fs::write(folder.join("words.txt"), "one two\n").expect("a writable folder");
        fs::copy(
            root().join("reports/prices.toml"),
            folder.join("prices.toml"),
        )
        .expect("a writable folder");
        // The files that a page shows in full.
        let tutorial = fs::read_to_string(root().join("docs/TUTORIAL.md")).expect("the tutorial");
        for part in tutorial.split("```toml\n").skip(1) {
            let content = part.split("```").next().unwrap_or_default();
            if content.contains("plimsoll.claims/1") {
                fs::write(folder.join("ours.toml"), content).expect("a writable folder");
            }
        }
        let run = "results/first".to_owned();
        let mut first: Vec<String> = ["run", "--suite", "coldstart", "--out", &run]
            .map(str::to_owned)
            .to_vec();
        narrowed(&mut first);
        bench.exits(0, &first);
        let _ = std::os::unix::fs::symlink("first", folder.join("results/latest"));
        for machine in ["n1", "n2", "n3"] {
            fs::create_dir(folder.join(machine)).expect("a writable folder");
            let linked =
                std::os::unix::fs::symlink("../results/first", folder.join(machine).join("run"));
            linked.expect("a writable folder");
        }
        Self { bench, run }
    }

    fn carry_out(&self, command: &str) -> Result<(), String> {
        let mut words: Vec<String> = command
            .split_whitespace()
            .skip(1)
            .map(|word| word.trim_matches('\'').to_owned())
            .collect();
        for word in &mut words {
            match word.as_str() {
                "RUN" | "RUN.." | "BASE" | "CANDIDATE" | "DIR" => word.clone_from(&self.run),
                "COMMAND" => "gate".clone_into(word),
                "FILE" => "ours.toml".clone_into(word),
                // Some of these targets take longer to build than a test may.
                "wasmtime/*" => "wasmtime/cranelift".clone_into(word),
                _ => {}
            }
        }
        match words[0].as_str() {
            "run" => narrowed(&mut words),
            // The page's run has one workload.
            "report" => {
                if let Some(at) = words.iter().position(|word| word == "--workload") {
                    "hello".clone_into(&mut words[at + 1]);
                }
            }
            "fleet" => {
                skip(&format!(
                    "{command}: needs a cluster; tests/fleet.rs starts one"
                ));
                return Ok(());
            }
            "setup" if !self.is_set_up(&words[1..]) => {
                skip(&format!(
                    "{command}: installs or builds what is not on this machine yet"
                ));
                return Ok(());
            }
            "gate" if command.contains("--base-ref") => {
                skip(&format!(
                    "{command}: builds the engine of another commit, minutes; harness/tests/it/gate.rs does it with a small adapter"
                ));
                return Ok(());
            }
            "gate" if command.contains("old.wasm") => {
                let end = words.iter().position(|word| word == "--");
                let end = end.unwrap_or(words.len());
                let few = ["--wait", "--suite", "size"].map(str::to_owned);
                words.splice(end..end, few);
            }
            "bundle" => {
                skip(&format!(
                    "{command}: scripts/bundle-check does it in a bundle"
                ));
                return Ok(());
            }
            "gate" => {
                skip(&format!("{command}: a part of a command"));
                return Ok(());
            }
            _ => {}
        }
        let output = self.bench.run(&words);
        match output.status.code() {
            Some(0) => Ok(()),
            _ => Err(format!(
                "{command}\n  as bench {}\n{}",
                words.join(" "),
                both_streams(&output)
            )),
        }
    }

    /// Whether each adapter that `words` names has a ready target. `--all` is run by `scripts/test`.
    fn is_set_up(&self, words: &[String]) -> bool {
        let listed: Value =
            serde_json::from_str(&self.bench.exits(0, &["list", "targets", "--json"]))
                .expect("JSON");
        let ready: BTreeSet<&str> = listed
            .as_array()
            .into_iter()
            .flatten()
            .filter(|row| row["status"] == "ready")
            .filter_map(|row| row["adapter"].as_str())
            .collect();
        words.iter().all(|word| ready.contains(word.as_str()))
    }
}

/// Runs all commands of a page, and fails at the end if one did.
fn check(page: &str) {
    let text =
        fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    let commands = shown_commands(&text);
    assert!(!commands.is_empty(), "{page} shows no command");
    let folder = Page::new();
    let mut seen = BTreeSet::new();
    let failures: Vec<String> = commands
        .iter()
        .filter(|command| seen.insert((*command).clone()))
        .filter_map(|command| folder.carry_out(command).err())
        .collect();
    assert!(failures.is_empty(), "{page}:\n{}", failures.join("\n\n"));
}

#[test]
fn every_command_of_the_readme_runs() {
    check("README.md");
}

#[test]
fn every_command_of_the_tutorial_runs() {
    check("docs/TUTORIAL.md");
}

#[test]
fn every_command_of_the_command_page_runs() {
    check("docs/COMMANDS.md");
}

/// The mostly explanatory pages.
#[test]
fn every_command_of_the_other_pages_runs() {
    for page in [
        "docs/METHODOLOGY.md",
        "docs/CONTAINERS.md",
        "docs/FORMAT.md",
    ] {
        check(page);
    }
}
