//! Nothing is left of a run, however it ended: processes, containers, control groups and
//! namespaces are counted while it goes on and after every kind of end.

use std::ffi::OsStr;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use e2e::census::{Census, containers};
use e2e::{Bench, both_streams, container_engine_answers, eventually, outcomes, signal, skip};
use rustix::process::Signal;

/// Looking takes time from the run that is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(150);

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By itself.
    Complete,
    /// By this signal to `bench`, in the middle.
    By(Signal),
}

const ENDS: [End; 3] = [End::Complete, End::By(Signal::INT), End::By(Signal::KILL)];

/// A run of native code and of containers, as short as its suite can be.
fn begun(bench: &Bench, suite: &str, more: &str) -> Child {
    let line =
        format!("run --suite {suite} --quick --trials 1 --out run --wait --target native {more}");
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    bench
        .command(&words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("bench can be started")
}

/// Lets the run go on until a container is alive, ends it, and counts.
fn count(suite: &str, more: &str, end: End) {
    let bench = Bench::new();
    let mut census = Census::begin();
    let mut child = begun(&bench, suite, more);
    let status = eventually("the end of the run", || {
        census.look();
        if let End::By(signalled) = end
            && census.namespaces.len() > 1
        {
            signal(child.id(), signalled);
            return Some(child.wait().expect("bench ends"));
        }
        std::thread::sleep(BETWEEN_LOOKS);
        child.try_wait().expect("bench can be waited for")
    });
    assert_eq!(status.success(), end == End::Complete, "{suite} {end:?}");
    // Otherwise there was nothing that could be left.
    assert!(!census.processes.is_empty(), "{suite} {end:?}");
    assert!(!census.containers.is_empty(), "{suite} {end:?}");
    assert!(!census.groups.is_empty(), "{suite} {end:?}");
    assert!(census.namespaces.len() > 1, "{suite} {end:?}: {census:?}");
    census.nothing_is_left();
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
                "capabilities",
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
    eventually("containers that wait", || {
        census.look();
        (census.namespaces.len() > 1).then_some(())
    });
    // Both at once, as when the machine is short of memory: nobody can tidy up.
    signal(child.id(), Signal::STOP);
    census.look();
    for &(pid, _) in &census.processes {
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        if program.ends_with("adapter-docker") {
            signal(pid, Signal::KILL);
        }
    }
    child.kill().expect("bench can be killed");
    child.wait().expect("bench ends");
    assert!(
        !containers().is_disjoint(&census.containers),
        "something must be left to be removed"
    );
    let next = Bench::new();
    let status = begun(&next, "memory", more).wait().expect("bench ends");
    assert!(status.success());
    census.nothing_is_left();
}

#[test]
fn a_container_that_is_too_large_for_the_budget_is_recorded_and_removed() {
    if !container_engine_answers() {
        return;
    }
    let bench = Bench::new();
    let mut census = Census::begin();
    // A shim alone holds more than a megabyte; a native process, far less.
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

/// A control group that may hold so much memory, and that is gone with this value.
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
    let measured = bench.command(&[
        "run",
        "--suite",
        "memory",
        "--trials",
        "1",
        "--out",
        "run",
        "--wait",
        "--target",
        "native",
        "--workload",
        "idle",
        "--workload",
        "idle-64mib",
    ]);
    let mut words: Vec<&OsStr> = vec!["-c".as_ref(), entered.as_ref(), "sh".as_ref()];
    words.push(measured.get_program());
    words.extend(measured.get_args());
    let mut command = Command::new("sh");
    command.args(words).current_dir(bench.folder());
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
    assert!(message.contains("for want of memory"), "{message}");
    census.nothing_is_left();
}
