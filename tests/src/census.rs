//! Counts what a run creates, during and after it: processes, containers, control groups, namespaces.
//!
//! The test process becomes a subreaper, so that processes orphaned by a killed `bench` stay below the test.
//! Containers are below their engine: they are found by their label, their shims and control groups by the
//! container's id.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{WaitOptions, set_child_subreaper, wait};

use crate::eventually;

/// The kinds of namespaces that a container has.
const KINDS: [&str; 5] = ["mnt", "net", "pid", "ipc", "uts"];
/// Where Docker pins network namespaces so that they outlive their processes.
const PINNED: &str = "/run/docker/netns";
/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";
/// Prefix of the names of control groups that `bench` creates.
const OUR_GROUPS: &str = "plimsoll";

/// Everything seen of one run so far.
#[derive(Debug, Default)]
pub struct Census {
    /// Processes below the test, and processes and shims of containers, each with its start time, because ids
    /// are reused.
    pub processes: BTreeSet<(u32, u64)>,
    /// Labelled containers, by full id.
    pub containers: BTreeSet<String>,
    /// Control groups of these containers, and those created by `bench`.
    pub groups: BTreeSet<PathBuf>,
    /// Namespaces of these processes other than the test's own: `net:[4026532001]`.
    pub namespaces: BTreeSet<String>,
    /// Containers with their processes already recorded.
    seen: BTreeSet<String>,
}

impl Census {
    /// Starts an empty census, and makes this process the subreaper.
    ///
    /// # Panics
    /// If the kernel refuses that.
    pub fn begin() -> Self {
        let own = rustix::process::getpid();
        set_child_subreaper(Some(own)).expect("a process may adopt orphans");
        Self::default()
    }

    /// Adds everything that exists now.
    pub fn look(&mut self) {
        let mut processes = below(std::process::id());
        for container in containers() {
            // Querying the engine is slow, and once per running container is enough.
            if self.seen.contains(&container) {
                continue;
            }
            if let Some(init) = init_of(&container) {
                self.seen.insert(container.clone());
                processes.insert(init);
                processes.extend(below(init));
                // The shim. Pid 1 and the engine's daemon do not belong to this container.
                let shim = parent(init).filter(|shim| command(*shim).contains(&container));
                processes.extend(shim);
            }
            self.containers.insert(container);
        }
        let ours: Vec<String> = KINDS
            .iter()
            .filter_map(|kind| namespace("self", kind))
            .collect();
        for pid in processes {
            if let Some(started) = started(pid) {
                self.processes.insert((pid, started));
                let all = KINDS
                    .iter()
                    .filter_map(|kind| namespace(&pid.to_string(), kind));
                self.namespaces
                    .extend(all.filter(|one| !ours.contains(one)));
            }
        }
        self.groups.extend(groups(&self.containers));
    }

    /// Waits until everything is gone.
    ///
    /// # Panics
    /// If something is left after a generous timeout.
    pub fn nothing_is_left(&self) {
        let mut left = Self::default();
        let mut looks = 0_u32;
        eventually("everything that a run made to be gone", || {
            left = self.left();
            looks += 1;
            if looks.is_multiple_of(400) {
                eprintln!("still there: {left:?}");
            }
            let Self {
                processes,
                containers,
                groups,
                namespaces,
                seen: _,
            } = &left;
            let all = processes.len() + containers.len() + groups.len() + namespaces.len();
            (all == 0).then_some(())
        });
    }

    fn left(&self) -> Self {
        // Reaps orphans that have exited.
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let there = containers();
        Self {
            processes: self
                .processes
                .iter()
                .copied()
                .chain(
                    below(std::process::id())
                        .into_iter()
                        .map(|pid| (pid, started(pid).unwrap_or(0))),
                )
                .filter(|(pid, begun)| started(*pid) == Some(*begun))
                .collect(),
            containers: self.containers.intersection(&there).cloned().collect(),
            groups: groups(&self.containers)
                .into_iter()
                .chain(self.groups.iter().filter(|group| group.exists()).cloned())
                .collect(),
            namespaces: self
                .namespaces
                .intersection(&all_namespaces())
                .cloned()
                .collect(),
            seen: BTreeSet::new(),
        }
    }
}

/// The labelled containers of the engine, running or not; empty without an engine. Excludes those of a living
/// process that does not descend from the test.
pub fn containers() -> BTreeSet<String> {
    let listed = Command::new("docker")
        .args(["ps", "--all", "--no-trunc", "--filter", "label=plimsoll"])
        .args(["--format", "{{.ID}} {{.Label \"plimsoll.owner\"}}"])
        .output();
    let text = listed.map_or_else(|_| Vec::new(), |output| output.stdout);
    let text = String::from_utf8_lossy(&text);
    let mine = below(std::process::id());
    let counts = |owner: &str| {
        // boot/namespace/process/start
        let mut parts = owner.split('/').skip(2);
        let pid = parts.next().and_then(|pid| pid.parse().ok());
        let start = parts.next().and_then(|start| start.parse().ok());
        pid.is_none_or(|pid| mine.contains(&pid) || started(pid) != start)
    };
    let rows = text.lines().filter_map(|line| line.split_once(' '));
    rows.filter(|(_, owner)| counts(owner))
        .map(|(container, _)| container.to_owned())
        .collect()
}

/// The host pid of a running container's first process.
pub fn init_of(container: &str) -> Option<u32> {
    let inspected = Command::new("docker")
        .args(["inspect", "--format", "{{.State.Pid}}", container])
        .output()
        .ok()?;
    let pid: u32 = String::from_utf8_lossy(&inspected.stdout)
        .trim()
        .parse()
        .ok()?;
    (pid > 0).then_some(pid)
}

/// All descendants of a process.
fn below(root: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut look_at = vec![root];
    while let Some(pid) = look_at.pop() {
        let tasks = fs::read_dir(format!("/proc/{pid}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children = children
                .split_whitespace()
                .filter_map(|pid| pid.parse().ok());
            look_at.extend(children.filter(|child| found.insert(*child)));
        }
    }
    found
}

/// The fields of /proc/PID/stat after the name, which may contain anything; the first is field 3.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some(fields.map(str::to_owned).collect())
}

/// Start time of a process, in clock ticks after boot; `None` for one that is gone or a zombie.
fn started(pid: u32) -> Option<u64> {
    let fields = stat(pid)?;
    let alive = !matches!(fields.first()?.as_str(), "Z" | "X");
    alive.then_some(fields.get(19)?.parse().ok()?)
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

fn command(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn namespace(pid: &str, kind: &str) -> Option<String> {
    let link = fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()?;
    Some(link.to_string_lossy().into_owned())
}

/// Every namespace with a process in it or pinned by a file.
fn all_namespaces() -> BTreeSet<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let pids = pids.filter(|name| name.bytes().all(|b| b.is_ascii_digit()));
    let mut all: BTreeSet<String> = pids
        .flat_map(|pid| KINDS.map(|kind| namespace(&pid, kind)))
        .flatten()
        .collect();
    for pinned in fs::read_dir(PINNED).into_iter().flatten().flatten() {
        if let Ok(metadata) = pinned.metadata() {
            all.insert(format!("net:[{}]", metadata.ino()));
        }
    }
    all
}

/// The control groups of these containers and those created by `bench`, in every hierarchy.
fn groups(containers: &BTreeSet<String>) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut look_at = vec![PathBuf::from(GROUPS)];
    while let Some(folder) = look_at.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            if is_of_a_run(&path, containers) {
                found.insert(path.clone());
            }
            look_at.push(path);
        }
    }
    found
}

fn is_of_a_run(group: &Path, containers: &BTreeSet<String>) -> bool {
    let name = group
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.is_some_and(|name| {
        // libcontainer adds its own prefix.
        let ours = name.strip_prefix(":youki:").unwrap_or(&name);
        ours.starts_with(OUR_GROUPS) || containers.iter().any(|id| name.contains(id.as_str()))
    })
}
