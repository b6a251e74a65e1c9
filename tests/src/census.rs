//! What a run brings into the world, counted while it goes on and again after its end: processes,
//! containers, control groups, namespaces.
//!
//! The test makes itself the one that orphans are handed to (a subreaper), so that what `bench`
//! leaves behind when it is killed is still found below the test. What the container engine does
//! is below the engine: it is found by the label of every container, its shim and its control
//! groups by the container's id.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{WaitOptions, set_child_subreaper, wait};

use crate::eventually;

/// The kinds of namespaces that a container gets of its own.
const KINDS: [&str; 5] = ["mnt", "net", "pid", "ipc", "uts"];
/// Where Docker pins network namespaces, so that they outlive their processes.
const PINNED: &str = "/run/docker/netns";
/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";
/// What the names of control groups that `bench` makes begin with.
const OUR_GROUPS: &str = "plimsoll";

/// Everything that was ever seen of one run.
#[derive(Debug, Default)]
pub struct Census {
    /// Processes below the test, and the processes and shims of containers, each with its start
    /// (numbers are reused).
    pub processes: BTreeSet<(u32, u64)>,
    /// Containers that carry the label, by their full id.
    pub containers: BTreeSet<String>,
    /// Control groups of these containers, and those that `bench` made.
    pub groups: BTreeSet<PathBuf>,
    /// Namespaces other than the test's own that these processes are in: `net:[4026532001]`.
    pub namespaces: BTreeSet<String>,
    /// Containers whose processes have been looked at.
    seen: BTreeSet<String>,
}

impl Census {
    /// Counts nothing yet; from now on orphans are handed to this process.
    ///
    /// # Panics
    /// If the kernel refuses that.
    pub fn begin() -> Self {
        let own = rustix::process::getpid();
        set_child_subreaper(Some(own)).expect("a process may adopt orphans");
        Self::default()
    }

    /// Adds what is there now.
    pub fn look(&mut self) {
        let mut processes = below(std::process::id());
        for container in containers() {
            // Asking the engine is dear, and one look at a container that runs is enough.
            if self.seen.contains(&container) {
                continue;
            }
            if let Some(init) = init_of(&container) {
                self.seen.insert(container.clone());
                processes.insert(init);
                processes.extend(below(init));
                // The shim; 1 and the engine's own daemon are not of this container.
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

    /// Waits until all of it is gone.
    ///
    /// # Panics
    /// With what is left, when that takes longer than anything here does.
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
        // Orphans that ended are this process's to wait for.
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

/// The containers on the engine that carry the label, running or not; none without an engine. Those of a
/// living process that does not descend from the test are another's.
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

/// The first process of a running container, as the host numbers it.
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

/// Everything that descends from a process.
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

/// Fields of /proc/PID/stat behind the name, which may hold anything: the first is field 3.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some(fields.map(str::to_owned).collect())
}

/// When a process began, in clock ticks after boot; `None` of one that is gone or merely waited
/// for.
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

/// Every namespace that a process is in or a file pins.
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

/// The control groups of these containers and those that `bench` makes, in every hierarchy.
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
        // libcontainer puts its own name in front.
        let ours = name.strip_prefix(":youki:").unwrap_or(&name);
        ours.starts_with(OUR_GROUPS) || containers.iter().any(|id| name.contains(id.as_str()))
    })
}
