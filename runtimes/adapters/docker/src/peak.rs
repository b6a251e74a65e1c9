//! Peak memory of a container's guest.
//!
//! The guest is followed like any other process (`plimsoll_adapter::trace`), starting before it exists: the engine's
//! runtime moves a process of its own into the container's cgroup, which later execs the guest. The runtime's memory is
//! not in VmHWM, which restarts at exec, but it is in the cgroup's peak.

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

/// Interval for finding new processes. The runtime needs tens of milliseconds from entering the cgroup to the guest's
/// exec.
const LOOK: Duration = Duration::from_millis(1);

/// Scans to make once the first process is found, because it may have just forked.
const MORE_LOOKS: u32 = 3;

/// Finds and follows a container's processes in a thread.
pub struct Follower {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Peak>,
}

/// Peaks of the guest, as far as observed.
#[derive(Debug, Clone, Copy, Default)]
struct Peak {
    rss: Option<u64>,
    charged: Option<u64>,
}

impl Follower {
    /// Starts to look for the processes of a container that is created but not started. `program` is the guest's path
    /// in it.
    pub fn of(container: &str, program: String) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let container = container.to_owned();
        let told = Arc::clone(&over);
        // ptrace works only from the thread that attached.
        let thread = thread::spawn(move || follow(&container, Path::new(&program), &told));
        Follower { over, thread }
    }

    /// The samples, after the container has ended; `None` if its guest was not found.
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
            // Forks of a followed process are already traced, so seizing them fails.
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

/// Whether a process is in a container, whose cgroups are named after it.
fn is_in(pid: u32, container: &str) -> bool {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    groups.contains(container)
}
