//! Measuring a process, and handling its end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use plimsoll::machine::interrupt::Interrupt;
use plimsoll::process::spawn::Exited;
use plimsoll::run::trial::process::{self, Copy, Ended, ProcessTrial};
use plimsoll_adapter::protocol::Launch;
use tempfile::TempDir;

fn sh(script: &str, directory: &Path) -> Launch {
    Launch {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: BTreeMap::from([("GIVEN".to_owned(), "value".to_owned())]),
        directory: directory.to_owned(),
        artefact: "/bin/sh".into(),
        container: None,
    }
}

fn run(script: &str) -> ProcessTrial {
    let folder = TempDir::new().expect("a folder");
    let launch = sh(script, folder.path());
    let interrupt = Interrupt::never().expect("a socket pair");
    process::run(&launch, None, 100, Duration::from_secs(60), &interrupt).expect("it starts")
}

#[test]
fn the_first_byte_comes_before_the_exit() {
    let trial = run("echo first; sleep 0.05; echo second");
    assert_eq!(trial.ended, Ended::Exited(Exited::Code(0)));
    assert_eq!(trial.stdout, b"first\nsecond\n");
    // Checks only the order, because the distance depends on the scheduler.
    assert!(trial.first_byte.expect("it printed") < trial.exit);
}

#[test]
fn a_silent_program_has_no_first_byte() {
    let trial = run("exit 0");
    assert_eq!(trial.first_byte, None);
    assert!(trial.cpu > Duration::ZERO, "wait4 tells the processor time");
}

#[test]
fn output_beyond_what_is_kept_is_drained_and_counted() {
    let trial = run("head -c 1000000 /dev/zero");
    assert_eq!(trial.ended, Ended::Exited(Exited::Code(0)));
    assert_eq!((trial.stdout.len(), trial.stdout_bytes), (100, 1_000_000));
}

#[test]
fn of_standard_error_the_end_is_kept() {
    let trial = run("head -c 100000 /dev/zero >&2; echo last >&2");
    assert_eq!(trial.stderr.len(), plimsoll::process::pipe::STDERR_KEPT);
    assert!(trial.stderr.ends_with(b"last\n"));
}

#[test]
fn a_program_gets_the_given_environment_directory_and_nothing_else() {
    let trial = run(r#"echo "$GIVEN ${PATH_FROM_PARENT-none} ${HOME-none}"; pwd; cat"#);
    let text = String::from_utf8(trial.stdout).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "value none none");
    assert!(Path::new(lines[1]).is_absolute());
    assert_eq!(lines.len(), 2, "stdin is empty");
}

#[test]
fn a_program_in_a_process_group_of_its_own_takes_its_children_with_it() {
    let folder = TempDir::new().expect("a folder");
    let launch = sh("sleep 600 & echo $!; wait", folder.path());
    let interrupt = Interrupt::never().expect("a socket pair");
    let deadline = Duration::from_millis(500);
    let trial = process::run(&launch, None, 100, deadline, &interrupt).expect("it starts");
    assert_eq!(trial.ended, Ended::Deadline);
    let child = String::from_utf8(trial.stdout).expect("text");
    let stat = Path::new("/proc").join(child.trim()).join("stat");
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        // A zombie that its new parent has not reaped yet counts as dead.
        std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
    assert!(gone, "{} still runs", child.trim());
}

#[test]
fn a_fresh_copy_replaces_the_artefact_wherever_it_stands() {
    let folder = TempDir::new().expect("a folder");
    let artefact = folder.path().join("module.bin");
    std::fs::write(&artefact, "content").expect("written");
    let mut launch = sh("cat \"$0\"; echo \" $0\"", folder.path());
    launch.args.push(artefact.to_string_lossy().into_owned());
    launch.artefact = artefact.clone();
    let to = process::copy_path(folder.path(), &artefact);
    let moved = launch.relocated(&to);
    let interrupt = Interrupt::never().expect("a socket pair");
    let copy = Copy {
        from: &artefact,
        to: &to,
    };
    let trial = process::run(
        &moved,
        Some(copy),
        1000,
        Duration::from_secs(60),
        &interrupt,
    )
    .expect("it starts");
    assert_eq!(
        String::from_utf8(trial.stdout).expect("text"),
        format!("content {}\n", to.display())
    );
    assert_ne!(to, artefact);
}

#[test]
fn a_program_that_is_not_there_is_an_error_with_its_reason() {
    let folder = TempDir::new().expect("a folder");
    let mut launch = sh("", folder.path());
    launch.program = "/nonexistent/program".into();
    let interrupt = Interrupt::never().expect("a socket pair");
    let error = process::run(&launch, None, 100, Duration::from_secs(1), &interrupt)
        .expect_err("nothing to start");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
