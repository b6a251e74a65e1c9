//! The most memory that a container's guest had at any moment of its run.
//!
//! The guest is followed as every other process is (`plimsoll_adapter::trace`), from before it is
//! the guest: the engine's runtime puts a process of its own into the container's control group
//! first, which then becomes the guest. What the runtime needs for that is not the guest's, and is
//! not in VmHWM, which begins anew with each program; it is in the control group's peak.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use plimsoll_adapter::cgroup::MemoryGroup;
use plimsoll_adapter::footprint;
use plimsoll_adapter::protocol::Sample;
use plimsoll_adapter::record::{Boundary, Metric};
use plimsoll_adapter::trace::{self, Forks, Stop};

/// How often new processes are looked for. The runtime works for tens of milliseconds between
/// entering the control group and becoming the guest.
const LOOK: Duration = Duration::from_millis(1);

/// How often they are looked for once the first has been found: it may have forked just then.
const MORE_LOOKS: u32 = 3;

/// Somebody who waits for a container's processes and follows them.
pub struct Follower {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Peak>,
}

/// The most that the guest had, as far as it was seen.
#[derive(Debug, Clone, Copy, Default)]
struct Peak {
    rss: Option<u64>,
    charged: Option<u64>,
}

impl Follower {
    /// Begins to wait for the processes of a container that was created and not yet started.
    /// `program` is the guest's path in it.
    pub fn of(container: &str, program: String) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let container = container.to_owned();
        let told = Arc::clone(&over);
        // All of ptrace is between a process and one thread.
        let thread = thread::spawn(move || follow(&container, Path::new(&program), &told));
        Follower { over, thread }
    }

    /// What was seen, once the container has ended; `None` if its guest was not.
    pub fn seen(self) -> Option<Vec<Sample>> {
        self.over.store(true, Ordering::Relaxed);
        let peak = self.thread.join().unwrap_or_default();
        let sample = |metric, value| Sample {
            boundary: Boundary::Peak,
            metric,
            iteration: 0,
            at: None,
            value,
        };
        let mut samples = vec![sample(Metric::PeakRss, peak.rss?)];
        samples.extend(peak.charged.map(|bytes| sample(Metric::CgroupPeak, bytes)));
        Some(samples)
    }
}

fn follow(container: &str, program: &Path, over: &AtomicBool) -> Peak {
    let before = processes();
    let mut seized = BTreeSet::new();
    let mut looks_left = u32::MAX;
    while looks_left > 0 && !over.load(Ordering::Relaxed) {
        for pid in processes() {
            let known = before.contains(&pid) || seized.contains(&pid);
            // One that another of them has forked is followed already, and refuses.
            if !known && is_in(pid, container) && trace::seize(pid).is_ok() {
                seized.insert(pid);
            }
        }
        if !seized.is_empty() {
            looks_left = looks_left.min(MORE_LOOKS) - 1;
        }
        thread::sleep(LOOK);
    }
    let mut peak = Peak::default();
    let mut guest = None;
    let followed = trace::follow(0, Forks::Followed, |stop| match stop {
        Stop::Exec(pid) => {
            if fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program) {
                guest = Some(pid);
            }
        }
        Stop::Exit(pid) if guest == Some(pid) => {
            peak.rss = footprint::peak(pid).ok();
            peak.charged = MemoryGroup::of(pid).and_then(|group| group.peak()).ok();
        }
        Stop::Exit(_) => {}
    });
    if let Err(error) = followed {
        eprintln!("following the container's processes: {error}");
    }
    peak
}

fn processes() -> BTreeSet<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeSet::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

/// Whether a process is in a container: its control groups are named after it.
fn is_in(pid: u32, container: &str) -> bool {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    groups.contains(container)
}
