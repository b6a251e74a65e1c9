//! A run leaves nothing behind, however it ends. Processes, containers, control groups and namespaces are
//! counted during it and after every kind of end.

use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use e2e::census::{Census, containers};
use e2e::{
    ANOTHER_RUN, Bench, both_streams, container_engine_answers, eventually, outcomes, root, signal,
    skip, target_is_ready, within, words,
};
use rustix::process::{Pid, Signal, kill_process};

/// Interval between counts, because counting slows the run.
const BETWEEN_LOOKS: Duration = Duration::from_millis(150);

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By itself.
    Complete,
    /// With this signal to `bench`, during the run.
    By(Signal),
}

const ENDS: [End; 3] = [End::Complete, End::By(Signal::INT), End::By(Signal::KILL)];

/// A run of native code and containers, as short as its suite allows.
fn begun(bench: &Bench, suite: &str, more: &str) -> Child {
    let line =
        format!("run --suite {suite} --quick --trials 1 --out run --wait --target native {more}");
    bench
        .command(&words(&line))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("bench can be started")
}

/// Waits until a container exists, ends the run, and returns its exit status.
fn ended(child: &mut Child, census: &mut Census, end: End) -> ExitStatus {
    eventually("the end of the run", || {
        census.look();
        if let End::By(signalled) = end
            && census.namespaces.len() > 1
        {
            signal(child.id(), signalled);
            return Some(child.wait().expect("bench ends"));
        }
        std::thread::sleep(BETWEEN_LOOKS);
        child.try_wait().expect("bench can be waited for")
    })
}

/// Ends such a run with the container engine's containers, and counts.
fn count(suite: &str, more: &str, end: End) {
    let bench = Bench::new();
    let mut census = Census::begin();
    let status = ended(&mut begun(&bench, suite, more), &mut census, end);
    assert_eq!(status.success(), end == End::Complete, "{suite} {end:?}");
    // Otherwise nothing could be left behind.
    assert!(!census.processes.is_empty(), "{suite} {end:?}");
    assert!(!census.containers.is_empty(), "{suite} {end:?}");
    assert!(!census.groups.is_empty(), "{suite} {end:?}");
    assert!(census.namespaces.len() > 1, "{suite} {end:?}: {census:?}");
    census.nothing_is_left();
}

/// Waits for containers, then kills the run and its processes that run one of `programs` all at once, as when
/// memory runs out, so that nothing can clean up.
fn killed_together(child: &mut Child, census: &mut Census, programs: &[&str]) {
    within(ANOTHER_RUN, "containers that wait", || {
        census.look();
        (census.namespaces.len() > 1).then_some(())
    });
    signal(child.id(), Signal::STOP);
    census.look();
    for &(pid, _) in &census.processes {
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        if programs.iter().any(|name| program.ends_with(name)) {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            // A process of an ending container may already be gone.
            let _ = kill_process(pid.expect("a pid"), Signal::KILL);
        }
    }
    child.kill().expect("bench can be killed");
    child.wait().expect("bench ends");
}

#[test]
fn nothing_is_left_of_a_crowd_after_any_end() {
    if container_engine_answers() {
        for end in ENDS {
            count(
                "density",
                "--target docker/runc+no-net --workload idle",
                end,
            );
        }
    }
}

#[test]
fn nothing_is_left_of_what_was_looked_at_after_any_end() {
    if container_engine_answers() {
        for end in ENDS {
            count(
                "memory",
                "--target docker/runc+no-net --workload idle --workload hello",
                end,
            );
        }
    }
}

#[test]
fn nothing_is_left_of_servers_after_any_end() {
    if container_engine_answers() {
        for end in ENDS {
            count("serve", "--target keel --target docker/runc", end);
        }
    }
}

#[test]
fn nothing_is_left_of_hostile_guests_after_any_end() {
    if container_engine_answers() {
        for end in ENDS {
            count(
                "sandbox",
                "--target keel --target docker/runc --workload loop",
                end,
            );
        }
    }
}

#[test]
fn what_a_killed_run_and_its_killed_adapter_leave_is_removed_by_the_next_start() {
    if !container_engine_answers() {
        return;
    }
    let bench = Bench::new();
    let mut census = Census::begin();
    let more = "--target docker/runc+no-net --workload idle";
    let mut child = begun(&bench, "density", more);
    killed_together(&mut child, &mut census, &["adapter-docker"]);
    assert!(
        !containers().is_disjoint(&census.containers),
        "something must be left to be removed"
    );
    let next = Bench::new();
    let status = begun(&next, "memory", more).wait().expect("bench ends");
    assert!(status.success());
    census.nothing_is_left();
}

/// Options for daemonless containers.
const WITHOUT_A_DAEMON: &str =
    "--target oci/crun --target oci/runc --target oci/embedded --workload idle";

fn containers_without_a_daemon_are_ready(bench: &Bench) -> bool {
    let all = ["oci/crun", "oci/runc", "oci/embedded"];
    all.iter().all(|target| target_is_ready(bench, target))
}

#[test]
fn nothing_is_left_of_containers_without_a_daemon_after_any_end() {
    if !containers_without_a_daemon_are_ready(&Bench::new()) {
        return;
    }
    for end in ENDS {
        let bench = Bench::new();
        let mut census = Census::begin();
        let mut child = begun(&bench, "density", WITHOUT_A_DAEMON);
        let status = ended(&mut child, &mut census, end);
        assert_eq!(status.success(), end == End::Complete, "{end:?}");
        assert!(census.namespaces.len() > 1, "{end:?}: {census:?}");
        assert!(!census.groups.is_empty(), "{end:?}");
        census.nothing_is_left();
    }
}

#[test]
fn containers_whose_runtimes_were_killed_with_bench_are_removed_by_the_next_start() {
    let bench = Bench::new();
    if !containers_without_a_daemon_are_ready(&bench) {
        return;
    }
    let mut census = Census::begin();
    let mut child = begun(&bench, "density", WITHOUT_A_DAEMON);
    killed_together(&mut child, &mut census, &["crun", "runc", "oci-embedded"]);
    // Starting the adapter is enough.
    bench.exits(0, &["list", "targets"]);
    census.nothing_is_left();
}

/// A guest that hangs is killed at its deadline together with its container.
#[test]
fn a_container_without_a_daemon_that_hangs_is_recorded_and_removed() {
    let bench = Bench::new();
    if !containers_without_a_daemon_are_ready(&bench) {
        return;
    }
    let source = bench.folder().join("hangs.c");
    fs::write(
        &source,
        "#include <stdio.h>\n#include <unistd.h>\nint main(int argc, char **argv) {\n\
         puts(\"hello, world\"); fflush(stdout); for (;access(\"/bin/own-hello\", F_OK) == 0;) sleep(60); }",
    )
    .expect("a writable folder");
    let program = bench.folder().join("hangs");
    let compiled = Command::new("cc")
        .args(["-O1", "-static", "-o"])
        .args([&program, &source])
        .status()
        .expect("a C compiler (sudo apt-get install gcc libc6-dev)");
    assert!(compiled.success());
    let module = root().join("workloads/wasm/hello.wasm");
    let mut census = Census::begin();
    // The guest ends outside a container, which gives the expected output.
    let mut line = words("run --trials 1 --deadline 2 --wait --out run");
    line.extend(words(
        "--target native --target oci/crun --target oci/runc --target oci/embedded",
    ));
    let output = bench
        .command(&line)
        .arg("--wasm")
        .arg(&module)
        .arg("--native")
        .arg(&program)
        .output()
        .expect("bench can be started");
    assert_eq!(output.status.code(), Some(3), "{}", both_streams(&output));
    let outcomes = outcomes(&bench.folder().join("run"));
    let late = outcomes.iter().filter(|line| line["kind"] == "deadline");
    // Of the step `process`, and of `deploy`.
    assert_eq!(late.count(), 3 * 2, "{outcomes:?}");
    census.look();
    assert!(
        census.processes.is_empty() && census.groups.is_empty(),
        "{census:?}"
    );
    assert_eq!(e2e::processes_with("/bin/own-hello"), Vec::new());
}

#[test]
fn a_container_that_is_too_large_for_the_budget_is_recorded_and_removed() {
    if !container_engine_answers() {
        return;
    }
    let bench = Bench::new();
    let mut census = Census::begin();
    // A shim alone has more than 1 MB of memory, a native process far less.
    let mut child = begun(
        &bench,
        "density",
        "--target docker/runc+no-net --workload idle --memory-budget 1M",
    );
    let status = eventually("the end of the run", || {
        census.look();
        std::thread::sleep(BETWEEN_LOOKS);
        child.try_wait().expect("bench can be waited for")
    });
    let outcomes = outcomes(&bench.folder().join("run"));
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    let stopped = outcomes.iter().find_map(|line| line["note"].as_str());
    assert!(
        stopped.is_some_and(|note| note.contains("memory budget")),
        "{outcomes:?}"
    );
    let told = outcomes
        .iter()
        .filter(|line| line.to_string().contains("memory budget is 1.0 MiB"));
    assert_eq!(told.count(), 2, "{outcomes:?}");
    assert!(matches!(status.code(), Some(0 | 3)), "{status}");
    census.nothing_is_left();
}

/// A control group with a memory limit, removed when dropped.
struct Limited(std::path::PathBuf);

impl Limited {
    fn to(bytes: u64) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = own.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            (controllers == "memory").then_some(path)
        });
        let (root, path, file) = match path {
            Some(path) => ("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"),
            None => ("/sys/fs/cgroup", "/", "memory.max"),
        };
        let folder = std::path::Path::new(root).join(path.trim_start_matches('/'));
        let group = Self(folder.join(format!("test-limited-{}", std::process::id())));
        fs::create_dir(&group.0).ok()?;
        fs::write(group.0.join(file), bytes.to_string()).ok()?;
        Some(group)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_guest_that_is_killed_for_want_of_memory_is_recorded_as_that() {
    let Some(limited) = Limited::to(48 << 20) else {
        skip("no control group with a limit on memory can be made");
        return;
    };
    let bench = Bench::new();
    let mut census = Census::begin();
    let entered = format!(
        "echo 0 > {}/cgroup.procs && exec \"$@\"",
        limited.0.display()
    );
    let mut line = words("run --suite memory --trials 1 --out run --wait --target native");
    line.extend(words("--workload idle --workload idle-64mib"));
    let measured = bench.command(&line);
    let mut command = Command::new("sh");
    command.args(["-c", &entered, "sh"]);
    command
        .arg(measured.get_program())
        .args(measured.get_args());
    command.current_dir(bench.folder());
    for (name, value) in measured.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output = command.output().expect("sh can be started");
    census.look();
    assert_eq!(output.status.code(), Some(3), "{}", both_streams(&output));
    let outcomes = outcomes(&bench.folder().join("run"));
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|line| line["status"] == "failed")
        .collect();
    assert_eq!((outcomes.len(), failed.len()), (2, 1), "{outcomes:?}");
    assert_eq!(failed[0]["kind"], "out-of-memory", "{}", failed[0]);
    let message = failed[0]["message"]
        .as_str()
        .expect("a failure has a message");
    assert!(message.contains("memory ran out"), "{message}");
    census.nothing_is_left();
}
