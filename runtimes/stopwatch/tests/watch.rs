//! Tests the stopwatch with real programs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use plimsoll_stopwatch::{Amount, Program, WatchError, Watched, watch};

const AMPLE: Duration = Duration::from_secs(600);

fn sh(script: &str, iterations: u32, budget: Duration) -> Result<Watched, WatchError> {
    let args = ["-c".to_owned(), script.to_owned()];
    let program = Program {
        program: Path::new("/bin/sh"),
        args: &args,
        directory: Some(Path::new("/")),
        env: &BTreeMap::new(),
    };
    watch(program, Amount { iterations, budget })
}

#[test]
fn every_iteration_is_a_process_with_a_reading_and_an_output() {
    let watched = sh("pwd; echo $PATH", 3, AMPLE).expect("a shell can be watched");
    assert_eq!(watched.readings.len(), 3);
    let outputs: Vec<_> = watched
        .outputs
        .iter()
        .map(|o| (o.exit_code, o.times))
        .collect();
    assert_eq!(outputs, [(0, 3)]);
    assert!(watched.outputs[0].stdout.0.starts_with(b"/\n"));
    for reading in &watched.readings {
        assert!(reading.run_ns > 0 && reading.cpu_ns > 0, "{reading:?}");
        assert!(reading.cycle_ns > reading.run_ns, "{reading:?}");
    }
}

#[test]
fn waiting_takes_wall_time_and_computing_takes_processor_time() {
    let waits = sh("sleep 0.2", 1, AMPLE).expect("watched").readings[0];
    assert!(waits.run_ns >= 200_000_000, "{waits:?}");
    let computes = sh(
        "i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done",
        1,
        AMPLE,
    )
    .expect("watched")
    .readings[0];
    // CPU time cannot exceed wall time, except for the resolution of the two clocks.
    assert!(
        computes.cpu_ns <= computes.run_ns + 1_000_000,
        "{computes:?}"
    );
    assert!(computes.cpu_ns > waits.cpu_ns, "{computes:?} {waits:?}");
}

#[test]
fn an_exit_code_is_an_output_and_so_is_a_different_text() {
    let watched = sh("echo $$; exit 3", 2, AMPLE).expect("watched");
    let outputs: Vec<_> = watched
        .outputs
        .iter()
        .map(|o| (o.exit_code, o.times))
        .collect();
    assert_eq!(outputs, [(3, 1), (3, 1)]);
}

#[test]
fn more_output_than_a_pipe_holds_blocks_nothing() {
    let watched = sh("head -c 1000000 /dev/zero", 1, AMPLE).expect("watched");
    assert_eq!(watched.outputs[0].stdout.0.len(), 1_000_000);
}

#[test]
fn a_signal_that_the_program_handles_reaches_it() {
    let watched = sh(
        "trap 'echo caught' USR1; kill -USR1 $$; echo after",
        1,
        AMPLE,
    );
    assert_eq!(
        watched.expect("watched").outputs[0].stdout,
        "caught\nafter\n"
    );
}

#[test]
fn a_program_that_is_killed_is_an_error() {
    for (script, signal) in [("kill -9 $$", 9), ("kill -SEGV $$", 11)] {
        match sh(script, 1, AMPLE) {
            Err(WatchError::Killed { signal: found }) => assert_eq!(found, signal),
            other => panic!("{script}: {other:?}"),
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_an_error_with_its_name() {
    let program = Program {
        program: Path::new("/nowhere/program"),
        args: &[],
        directory: None,
        env: &BTreeMap::new(),
    };
    let once = Amount {
        iterations: 1,
        budget: AMPLE,
    };
    let error = watch(program, once).expect_err("it is not there");
    assert!(error.to_string().contains("/nowhere/program"), "{error}");
}

#[test]
fn no_iteration_is_begun_once_the_budget_is_spent_and_one_is_always_done() {
    let watched = sh("sleep 0.05", 1000, Duration::from_millis(60)).expect("watched");
    assert!((1..=2).contains(&watched.readings.len()));
    let watched = sh("true", 5, Duration::ZERO).expect("watched");
    assert_eq!(watched.readings.len(), 1);
}
