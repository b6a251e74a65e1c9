//! Faults in the field: an interrupt, a killed adapter, a killed `bench`, a full disk, no container engine, a
//! damaged run, a mistyped name. Each gives a clear message, loses no measurement, and leaves nothing
//! running.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use e2e::{
    ANOTHER_RUN, Bench, both_streams, built, container_engine_answers, eventually, outcomes,
    processes_with, root, row, signal, skip, within, words,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn planned(run: &Path) -> usize {
    let text = std::fs::read_to_string(run.join("run.json")).expect("a run has a run.json");
    let run: Value = serde_json::from_str(&text).expect("run.json is JSON");
    run["plan"].as_array().expect("a run has a plan").len()
}

/// A run in progress, with at least `after` trials measured.
fn under_way(bench: &Bench, targets: &[&str], trials: &str, after: usize) -> (Child, PathBuf) {
    let out = bench.folder().join("run");
    let mut args = words("run --suite coldstart --workload hello --out run");
    args.extend(["--trials", trials]);
    for target in targets {
        args.extend(["--target", target]);
    }
    let child = bench
        .command(&args)
        .env("PLIMSOLL_E2E_MARK", marker(bench))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bench can be started");
    within(ANOTHER_RUN, "the first trials", || {
        (outcomes(&out).len() >= after).then_some(())
    });
    (child, out)
}

fn marker(bench: &Bench) -> String {
    bench.folder().to_string_lossy().into_owned()
}

fn nothing_is_left(bench: &Bench) {
    eventually("every process of the run to be gone", || {
        processes_with(&marker(bench)).is_empty().then_some(())
    });
}

#[test]
fn an_interrupted_run_is_readable_resumes_and_ends_complete() {
    let bench = Bench::new();
    let (child, out) = under_way(&bench, &["native", "wasmtime/cranelift"], "40", 10);
    signal(child.id(), Signal::INT);
    let output = child.wait_with_output().expect("bench ends");
    let said = both_streams(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("--resume"), "{said}");
    nothing_is_left(&bench);

    let measured = outcomes(&out);
    assert!(
        measured.len() >= 10 && measured.len() < planned(&out),
        "{}",
        measured.len()
    );
    assert!(!bench.rows(&out).is_empty());

    bench.exits(0, &["run", "--resume", "run"]);
    let after = outcomes(&out);
    assert_eq!(after.len(), planned(&out), "every trial has one outcome");
    assert_eq!(
        after[..measured.len()],
        measured[..],
        "what was measured before is kept"
    );
    assert!(after.iter().all(|line| line["status"] == "ok"));
}

#[test]
fn killing_an_adapter_loses_that_trial_and_no_other() {
    let bench = Bench::new();
    let (mut child, out) = under_way(&bench, &["wasmtime/cranelift"], "60", 5);
    let adapter = built("adapter-wasmtime").to_string_lossy().into_owned();
    // An adapter may exit before the signal reaches it: retry until one is hit.
    within(ANOTHER_RUN, "an adapter to be killed", || {
        assert!(
            child.try_wait().expect("bench can be waited for").is_none(),
            "the run is over"
        );
        let killed = processes_with(&marker(&bench))
            .into_iter()
            .find(|(_, command)| command.contains(&adapter))
            .and_then(|(pid, _)| Pid::from_raw(i32::try_from(pid).ok()?))
            .is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok());
        std::thread::sleep(Duration::from_millis(200));
        let failed = outcomes(&out)
            .iter()
            .filter(|line| line["status"] == "failed")
            .count();
        (killed && failed > 0).then_some(())
    });
    let output = child.wait_with_output().expect("bench ends");
    assert_eq!(output.status.code(), Some(3), "{}", both_streams(&output));
    let lines = outcomes(&out);
    assert_eq!(lines.len(), planned(&out), "every trial has an outcome");
    let failed: Vec<&Value> = lines.iter().filter(|line| line["status"] != "ok").collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["kind"], "crashed", "{failed:?}");
}

#[test]
fn killing_bench_itself_leaves_nothing_running_and_a_run_that_resumes() {
    let bench = Bench::new();
    let (mut child, out) = under_way(&bench, &["native", "wasmtime/cranelift"], "40", 10);
    child.kill().expect("bench can be killed");
    child.wait().expect("bench ends");
    nothing_is_left(&bench);
    assert!(!bench.rows(&out).is_empty());
    bench.exits(0, &["run", "--resume", "run"]);
    assert_eq!(outcomes(&out).len(), planned(&out));
}

#[test]
fn an_interrupted_container_run_leaves_no_container() {
    if !container_engine_answers() {
        return;
    }
    let bench = Bench::new();
    let (child, _) = under_way(&bench, &["docker/runc"], "40", 3);
    signal(child.id(), Signal::TERM);
    let output = child.wait_with_output().expect("bench ends");
    assert!(!output.status.success(), "{}", both_streams(&output));
    nothing_is_left(&bench);
    eventually("the containers to be gone", || {
        let listed = std::process::Command::new("docker")
            .args(["ps", "--all", "--quiet", "--filter", "label=plimsoll"])
            .output()
            .expect("the docker client can be started");
        assert!(listed.status.success(), "{}", both_streams(&listed));
        listed.stdout.is_empty().then_some(())
    });
}

/// A small file system, unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None` if none can be mounted, which is reported as a skip.
    fn at(folder: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", size, "tmpfs"])
            .arg(&folder)
            .output()
            .expect("mount can be started");
        if !mounted.status.success() {
            skip(&format!(
                "no tmpfs can be mounted: {}",
                both_streams(&mounted)
            ));
            return None;
        }
        Some(Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("--lazy")
            .arg(&self.0)
            .status();
    }
}

#[test]
fn a_full_disk_is_said_and_what_was_recorded_stays() {
    let bench = Bench::new();
    let Some(disk) = Disk::at(bench.folder().join("disk"), "size=360k") else {
        return;
    };
    let output = bench.run(&words(
        "run --suite coldstart --target native --workload hello --trials 400 --out disk/run",
    ));
    let said = both_streams(&output);
    let rows = bench.run(&["report", "disk/run", "--json"]);
    drop(disk);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("No space left") && said.contains("--resume"),
        "{said}"
    );
    assert!(rows.status.success(), "{}", both_streams(&rows));
}

#[test]
fn an_artefact_that_is_too_large_for_the_disk_fails_its_own_trials_alone() {
    let bench = Bench::new();
    let target = bench.folder().join("target");
    std::fs::create_dir(&target).expect("a folder can be made");
    let real = built("bench");
    let real = real.ancestors().nth(2).expect("target/release/bench");
    for part in ["release", "workloads"] {
        std::os::unix::fs::symlink(real.join(part), target.join(part)).expect("linked");
    }
    // The folder of temporary files, including the copies that L6 starts from.
    let Some(_disk) = Disk::at(target.join("bench-scratch"), "size=200k") else {
        return;
    };
    let output = bench
        .command(&words(
            "run --suite coldstart --target native --workload hello --trials 3 --out run --wait",
        ))
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .expect("bench can be started");
    let said = both_streams(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    let outcomes = outcomes(&bench.folder().join("run"));
    let failed: Vec<&Value> = outcomes
        .iter()
        .filter(|line| line["status"] == "failed")
        .collect();
    assert_eq!((outcomes.len(), failed.len()), (6, 3), "{said}");
    for line in failed {
        let message = line["message"].as_str().expect("a failure has a message");
        assert!(message.contains("No space left"), "{line}");
    }
    let rows = bench.rows(&bench.folder().join("run"));
    let at = |boundary: &str| row(&rows, "hello", "native", boundary, "wall_time");
    assert!(
        at("L3").is_some_and(|row| row["median"].is_number()),
        "{rows:?}"
    );
    assert!(
        at("L6").is_none_or(|row| row["median"].is_null()),
        "{rows:?}"
    );
}

#[test]
fn without_a_container_engine_the_remedy_is_said() {
    let bench = Bench::new();
    let output = bench
        .command(&words(
            "run --suite coldstart --target docker/runc --workload hello --out run",
        ))
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .output()
        .expect("bench can be started");
    let said = both_streams(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("scripts/docker-engine start"), "{said}");

    let doctor = bench
        .command(&["doctor"])
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .output()
        .expect("bench can be started");
    assert!(both_streams(&doctor).contains("scripts/docker-engine start"));
}

#[test]
fn a_mistyped_name_is_answered_with_the_nearest_one() {
    let bench = Bench::new();
    for (args, nearest) in [
        (["run", "--suite", "coldstat"].as_slice(), "coldstart"),
        (
            &["run", "--suite", "coldstart", "--target", "wasmtme/winch"],
            "wasmtime/winch",
        ),
        (
            &["run", "--suite", "coldstart", "--workload", "sqllite"],
            "sqlite",
        ),
    ] {
        let output = bench.run(args);
        let said = both_streams(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(nearest), "{said}");
    }
}

#[test]
fn a_damaged_run_is_refused_or_read_as_far_as_it_goes() {
    let bench = Bench::new();
    bench.exits(
        0,
        &words("run --suite coldstart --target native --workload hello --trials 5 --out run"),
    );
    let out = bench.folder().join("run");
    let samples = out.join("samples.ndjson");
    let whole = std::fs::read(&samples).expect("samples were recorded");
    std::fs::write(&samples, &whole[..whole.len() - 20]).expect("the file can be cut");
    assert!(
        !bench.rows(&out).is_empty(),
        "a torn last line is no reason to read nothing"
    );

    let run_json = out.join("run.json");
    let text = std::fs::read(&run_json).expect("run.json was recorded");
    std::fs::write(&run_json, &text[..text.len() / 2]).expect("the file can be cut");
    let output = bench.run(&["report", "run", "--json"]);
    let said = both_streams(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("run.json") && said.contains("damaged"),
        "{said}"
    );

    let nowhere = bench.run(&["report", "no-such-run", "--json"]);
    assert_eq!(nowhere.status.code(), Some(2), "{}", both_streams(&nowhere));
}

#[test]
fn a_wasm_file_that_is_not_the_locked_one_is_not_measured() {
    let bench = Bench::new();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg("--parents")
        .args(["workloads", "runtimes/targets.toml", "scripts"])
        .arg(bench.folder())
        .current_dir(root())
        .output()
        .expect("cp can be started");
    assert!(copied.status.success(), "{}", both_streams(&copied));
    let wasm = bench.folder().join("workloads/wasm/hello.wasm");
    let mut bytes = std::fs::read(&wasm).expect("hello.wasm is in the repository");
    bytes.push(0);
    std::fs::write(&wasm, bytes).expect("it can be changed");
    let output = bench
        .command(&words(
            "run --suite coldstart --target wasmtime/cranelift --workload hello --out run",
        ))
        .env("PLIMSOLL_ROOT", bench.folder())
        .env(
            "CARGO_TARGET_DIR",
            built("bench")
                .ancestors()
                .nth(2)
                .expect("target/release/bench"),
        )
        .output()
        .expect("bench can be started");
    let said = both_streams(&output);
    assert_ne!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("hello.wasm") && said.contains("build-workloads"),
        "{said}"
    );
}
