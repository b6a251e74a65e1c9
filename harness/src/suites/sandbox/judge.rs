//! Derives the answer from how a guest ended.
//!
//! An answer needs evidence: a guest that never started shows nothing, unless its module was rejected for the
//! import in question.

use plimsoll_record::Answer;
use plimsoll_record::run::TargetKind;

use super::questions::{Import, Row};
use crate::process::status::signal_name;
use crate::process::supervised::{Ending, Ran};
use crate::ui::format::clipped;

/// Maximum quote of an engine's message, characters.
const QUOTED: usize = 200;

/// The answer with its evidence, or why there is none.
pub fn judge(row: &Row, ran: &Ran, kind: TargetKind) -> Result<(Answer, String), String> {
    // The output of a killed container may be lost, but its adapter reports a kill only if the guest ran. A
    // guest that ended by itself has printed whether it started.
    let killed = kind == TargetKind::Container && !matches!(ran.end, Ending::Exited(_));
    let begun = killed || ran.stdout.lines().any(|line| line == "begun");
    let said = telling(&ran.stderr);
    let because = |how: String| match &said {
        Some(words) => format!("{how}: {words}"),
        None => how,
    };
    if let (Ending::Exited(0), Some(spoken)) = (ran.end, spoken(&ran.stdout)) {
        return Ok(spoken);
    }
    if !begun {
        return unbegun(row, ran, said.as_deref());
    }
    match ran.end {
        Ending::Exited(0) => Err("the guest ended without saying what came of it".to_owned()),
        Ending::Exited(code) => Ok((Answer::Stopped, because(format!("exit code {code}")))),
        Ending::Killed(signal) => Ok((
            Answer::Stopped,
            because(format!("killed by {}", signal_name(signal))),
        )),
        Ending::OutOfMemory => Ok((
            Answer::Stopped,
            "killed by the kernel: the memory it may have was used up".to_owned(),
        )),
        Ending::Impatience(after) => Ok((
            Answer::NotStopped,
            format!("still running after {after:?}, when bench killed it"),
        )),
        Ending::Memory(bytes) => Ok((
            Answer::NotStopped,
            format!(
                "held more than {} MiB, for which bench killed it",
                bytes >> 20
            ),
        )),
    }
}

/// The guest's own answer.
fn spoken(stdout: &str) -> Option<(Answer, String)> {
    let line = stdout.lines().last()?;
    let (answer, words) = match line.split_once(": ")? {
        ("granted", words) => (Answer::Granted, words),
        ("refused", words) => (Answer::Refused, words),
        _ => return None,
    };
    Some((answer, format!("the guest: {words}")))
}

fn unbegun(row: &Row, ran: &Ran, said: Option<&str>) -> Result<(Answer, String), String> {
    let stderr = ran.stderr.to_lowercase();
    // Engines name the unknown import, or only its module, or only that one is unknown. Exactly one import is
    // not part of WASI.
    let about = |import: &&Import| {
        let of = format!("\"{}\"", import.module);
        stderr.contains(&import.name)
            || stderr.contains("unknown import")
            || (stderr.contains("import #") && stderr.contains(&of))
    };
    let refused = matches!(ran.end, Ending::Exited(code) if code != 0);
    if let (Some(import), true) = (row.import.as_ref().filter(about), refused) {
        let words = said.unwrap_or_default();
        let evidence = format!(
            "the module, which imports {} from {}, is not accepted: {words}",
            import.name, import.module
        );
        return Ok((Answer::Refused, evidence));
    }
    let how = match ran.end {
        Ending::Exited(code) => format!("exit code {code}"),
        Ending::Killed(signal) => format!("killed by {}", signal_name(signal)),
        Ending::OutOfMemory => "out of memory".to_owned(),
        Ending::Impatience(after) => format!("nothing within {after:?}"),
        Ending::Memory(bytes) => format!("more than {} MiB", bytes >> 20),
    };
    let words = said.map_or_else(String::new, |words| format!(": {words}"));
    Err(format!("the guest did not begin: {how}{words}"))
}

/// Words that mark the reason in an engine's message, most specific first.
const TELLING: &[&str] = &[
    "trap",
    "exhaust",
    "interrupt",
    "fuel",
    "import",
    "overflow",
    "memory",
    "error",
];

/// The most specific line of standard error; the last line if none states a reason.
fn telling(stderr: &str) -> Option<String> {
    let lines = || {
        stderr
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    let about = |word: &&str| {
        let holds = |line: &&str| line.to_lowercase().contains(*word);
        // An engine may print a line of its own source first.
        let says = |line: &&str| holds(line) && line.to_lowercase().contains("error");
        lines().find(says).or_else(|| lines().find(holds))
    };
    let line = TELLING
        .iter()
        .find_map(about)
        .or_else(|| lines().next_back())?;
    Some(clipped(line, QUOTED))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(import: Option<&str>) -> Row {
        let import = import.map_or_else(String::new, |name| {
            format!("import = {{ module = 'wasi', name = '{name}' }}\n")
        });
        toml::from_str(&format!(
            "id = 'it'\ntitle = 'do it'\nprobe = 'it'\npatience_seconds = 1\n{import}"
        ))
        .unwrap()
    }

    fn judged(
        import: Option<&str>,
        end: Ending,
        stdout: &str,
        stderr: &str,
    ) -> Result<(Answer, String), String> {
        let ran = Ran {
            end,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        };
        judge(&row(import), &ran, TargetKind::Wasm)
    }

    #[test]
    fn a_guest_is_believed_only_if_it_also_ended_well() {
        let granted = "begun\ngranted: wrote 6 bytes\n";
        let found = judged(None, Ending::Exited(0), granted, "").unwrap();
        assert_eq!(
            found,
            (Answer::Granted, "the guest: wrote 6 bytes".to_owned())
        );
        let found = judged(None, Ending::Killed(11), granted, "").unwrap();
        assert_eq!(found.0, Answer::Stopped);
        let found = judged(None, Ending::Exited(0), "begun\n", "");
        assert!(found.is_err(), "{found:?}");
    }

    #[test]
    fn a_container_that_was_not_made_is_no_answer_and_one_that_was_killed_is() {
        let of = |end, stdout: &str| {
            let ran = Ran {
                end,
                stdout: stdout.to_owned(),
                stderr: "cannot create sandbox\n".to_owned(),
            };
            judge(&row(None), &ran, TargetKind::Container)
        };
        let lost = of(Ending::Exited(128), "").unwrap_err();
        assert!(lost.contains("cannot create sandbox"), "{lost}");
        assert_eq!(of(Ending::Exited(3), "begun\n").unwrap().0, Answer::Stopped);
        assert_eq!(of(Ending::OutOfMemory, "").unwrap().0, Answer::Stopped);
    }

    #[test]
    fn who_stops_a_guest_makes_the_difference() {
        let stderr =
            "running it: error while executing\n  0: f\nCaused by:\n  wasm trap: interrupt\n";
        let found = judged(None, Ending::Exited(134), "begun\n", stderr).unwrap();
        let evidence = "exit code 134: wasm trap: interrupt".to_owned();
        assert_eq!(found, (Answer::Stopped, evidence));
        let after = Ending::Impatience(Duration::from_secs(2));
        assert_eq!(
            judged(None, after, "begun\n", "").unwrap().0,
            Answer::NotStopped
        );
        let memory = Ending::Memory(1 << 30);
        assert_eq!(
            judged(None, memory, "begun\n", "").unwrap().0,
            Answer::NotStopped
        );
    }

    #[test]
    fn a_module_is_refused_only_for_the_import_in_question() {
        let stderr = "keel: unknown import: `wasi_snapshot_preview1` `sock_open` is not defined\n";
        let found = judged(Some("sock_open"), Ending::Exited(1), "", stderr).unwrap();
        assert_eq!(found.0, Answer::Refused);
        let stderr = "run.mjs:20\nTypeError: Instance(): Import #1 \"wasi\": no object\n  at async import (x)\n";
        let (answer, evidence) = judged(Some("other"), Ending::Exited(1), "", stderr).unwrap();
        assert_eq!(answer, Answer::Refused);
        assert!(evidence.contains("Import #1"), "{evidence}");
        let shown = format!("const i = new Instance(getImportObject());\n{stderr}");
        let (_, evidence) = judged(Some("other"), Ending::Exited(1), "", &shown).unwrap();
        assert!(evidence.contains("Import #1"), "{evidence}");
        // Any other failure is no answer to the question.
        for (import, stderr) in [
            (Some("sock_open"), "cannot open the module"),
            (None, stderr),
        ] {
            let found = judged(import, Ending::Exited(1), "", stderr);
            assert!(found.is_err(), "{found:?}");
        }
        let late = Ending::Impatience(Duration::from_secs(2));
        assert!(judged(Some("sock_open"), late, "", stderr).is_err());
    }
}
