//! Memory, page tables, descriptors and CPU time of processes, as reported in /proc. `bench`, in-process engines and
//! containers all use this code, so that all are counted by the same rule.
//!
//! The rule: sum each figure over every process that exists because of the measured target, and no others. PSS divides
//! a shared page equally among the processes that map it, so a sum counts it once. The sizes exclude kernel memory
//! (page tables, stacks, sockets); page tables are reported separately.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::AddAssign;
use std::time::Duration;

use plimsoll_record::{Boundary, Metric};

use crate::protocol::Sample;

/// Footprint of one or more processes at one moment; sizes in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Proportional set size: private memory plus a proportional share of shared pages.
    pub pss: u64,
    /// Resident set size: includes shared pages in full, so a sum counts them repeatedly.
    pub rss: u64,
    /// Pages mapped by no other process, clean and dirty.
    pub private: u64,
    /// Page tables, not included in the other sizes.
    pub page_tables: u64,
    /// Number of open file descriptors.
    pub file_descriptors: u64,
}

impl Footprint {
    /// The current footprint of a process.
    ///
    /// # Errors
    ///
    /// If it has exited, or /proc does not show it to this user.
    pub fn of(pid: u32) -> io::Result<Self> {
        Self::at(&format!("/proc/{pid}"))
    }

    /// The current footprint of this process.
    ///
    /// # Errors
    ///
    /// If /proc is not mounted.
    pub fn own() -> io::Result<Self> {
        Self::at("/proc/self")
    }

    /// The total footprint of these processes. Processes that have exited count as zero.
    ///
    /// # Errors
    ///
    /// If /proc does not show one of them to this user.
    pub fn sum(pids: impl IntoIterator<Item = u32>) -> io::Result<Self> {
        let mut sum = Footprint::default();
        for pid in pids {
            match Self::of(pid) {
                Ok(one) => sum += one,
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sum)
    }

    fn at(folder: &str) -> io::Result<Self> {
        let memory = read(&format!("{folder}/smaps_rollup"))?;
        let status = read(&format!("{folder}/status"))?;
        let bytes = |text: &str, name: &str| {
            kilobytes(text, name).ok_or_else(|| {
                io::Error::other(format!(
                    "{folder} does not show {name}: the process has no memory"
                ))
            })
        };
        Ok(Footprint {
            pss: bytes(&memory, "Pss")?,
            rss: bytes(&memory, "Rss")?,
            private: bytes(&memory, "Private_Clean")? + bytes(&memory, "Private_Dirty")?,
            page_tables: bytes(&status, "VmPTE")?,
            file_descriptors: fs::read_dir(format!("{folder}/fd"))?.count() as u64,
        })
    }

    /// The figures as samples; `at` is the number of live instances, if the step has levels.
    pub fn samples(&self, boundary: Boundary, at: Option<u64>) -> [Sample; 5] {
        [
            (Metric::Pss, self.pss),
            (Metric::Rss, self.rss),
            (Metric::Private, self.private),
            (Metric::PageTables, self.page_tables),
            (Metric::FileDescriptors, self.file_descriptors),
        ]
        .map(|(metric, value)| Sample {
            boundary,
            metric,
            iteration: 0,
            at,
            value,
        })
    }
}

impl AddAssign for Footprint {
    fn add_assign(&mut self, other: Self) {
        self.pss += other.pss;
        self.rss += other.rss;
        self.private += other.private;
        self.page_tables += other.page_tables;
        self.file_descriptors += other.file_descriptors;
    }
}

/// Peak resident memory of a process in bytes (VmHWM).
///
/// # Errors
///
/// If the process has no memory any more.
pub fn peak(pid: u32) -> io::Result<u64> {
    kilobytes(&read(&format!("/proc/{pid}/status"))?, "VmHWM")
        .ok_or_else(|| io::Error::other(format!("process {pid} has no memory any more")))
}

/// Current resident memory of a process in bytes (VmRSS); `None` if it has no memory any more.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    kilobytes(&read(&format!("/proc/{pid}/status")).ok()?, "VmRSS")
}

/// Current resident memory of this process in bytes: cheap enough to check a budget often.
///
/// # Errors
///
/// If /proc is not mounted.
pub fn own_resident() -> io::Result<u64> {
    kilobytes(&read("/proc/self/status")?, "VmRSS")
        .ok_or_else(|| io::Error::other("/proc/self/status has no VmRSS"))
}

/// Memory available without swapping, in bytes (MemAvailable).
///
/// # Errors
///
/// If /proc is not mounted.
pub fn available() -> io::Result<u64> {
    kilobytes(&read("/proc/meminfo")?, "MemAvailable")
        .ok_or_else(|| io::Error::other("/proc/meminfo has no MemAvailable"))
}

/// These processes and all their live descendants.
///
/// # Errors
///
/// If /proc is not mounted.
pub fn with_descendants(roots: &[u32]) -> io::Result<Vec<u32>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Processes that exited after the listing have no parent any more.
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut all: Vec<u32> = roots.to_vec();
    let mut next = 0;
    while let Some(pid) = all.get(next) {
        all.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    Ok(all)
}

/// The parent of a process; `None` if the process has exited.
pub fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the command in parentheses, can contain anything: parse after the last `)`.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// CPU time used so far by the current threads of these processes. Processes that have exited count as zero.
///
/// # Errors
///
/// If /proc does not show one of them to this user, or the kernel lacks schedstat (`CONFIG_SCHED_INFO`).
pub fn cpu_time(pids: impl IntoIterator<Item = u32>) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for pid in pids {
        match threads_cpu_time(pid) {
            Ok(of_one) => nanoseconds += of_one,
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}

fn threads_cpu_time(pid: u32) -> io::Result<u64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // In nanoseconds; utime and stime in stat count ticks of 10 ms.
        let path = thread?.path().join("schedstat");
        let account = match fs::read_to_string(&path) {
            Ok(account) => account,
            // The thread has exited.
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(error),
        };
        let first = account.split_ascii_whitespace().next();
        nanoseconds += first
            .and_then(|field| field.parse::<u64>().ok())
            .ok_or_else(|| io::Error::other(format!("{} holds no number", path.display())))?;
    }
    Ok(nanoseconds)
}

/// CPU time used in `window`, scaled to one second.
pub fn per_second(used: Duration, window: Duration) -> Duration {
    let window = window.as_nanos().max(1);
    let nanoseconds = used.as_nanos() * 1_000_000_000 / window;
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// Whether an error from /proc means that the process has exited: a missing folder, or ESRCH from an open file.
pub fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(path).map_err(|error| match is_gone(&error) {
        true => error,
        false => io::Error::new(error.kind(), format!("reading {path}: {error}")),
    })
}

/// The value of a line `name:   12 kB`, in bytes.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let number = value.trim().strip_suffix("kB")?.trim_end();
    Some(number.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::process::{Command, Stdio};

    use super::*;

    const ROLLUP: &str = "00400000-7ffc000 ---p 00000000 00:00 0   [rollup]\n\
        Rss:                1708 kB\nPss:                 278 kB\nPss_Dirty:           112 kB\n\
        Private_Clean:        40 kB\nPrivate_Dirty:       112 kB\n";

    #[test]
    fn a_figure_is_found_by_its_whole_name_and_is_in_bytes() {
        assert_eq!(kilobytes(ROLLUP, "Pss"), Some(278 * 1024));
        assert_eq!(kilobytes(ROLLUP, "Pss_Dirty"), Some(112 * 1024));
        assert_eq!(kilobytes(ROLLUP, "Private"), None);
    }

    #[test]
    fn memory_that_is_touched_is_counted_to_the_page() -> io::Result<()> {
        const TOUCHED: usize = 64 << 20;
        let before = Footprint::own()?;
        let memory = black_box(vec![1_u8; TOUCHED]);
        let after = Footprint::own()?;
        for (before, after) in [
            (before.pss, after.pss),
            (before.rss, after.rss),
            (before.private, after.private),
        ] {
            let grown = (after - before) as f64 / TOUCHED as f64;
            assert!((0.98..1.02).contains(&grown), "{grown}");
        }
        assert!(own_resident()? >= TOUCHED as u64);
        drop(memory);
        Ok(())
    }

    #[test]
    fn a_child_and_its_child_descend_from_this_process() -> io::Result<()> {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 60 & echo $!; wait"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = shell.stdout.take().expect("piped");
        io::BufRead::read_line(&mut io::BufReader::new(stdout), &mut line)?;
        let grandchild: u32 = line.trim().parse().expect("the shell printed a pid");

        let family = with_descendants(&[shell.id()])?;
        // Both may still be starting: compare only if the parts are equal before and after the sum.
        let look =
            || -> io::Result<_> { Ok([Footprint::of(shell.id())?, Footprint::of(grandchild)?]) };
        let mut parts = look()?;
        let sum = loop {
            let taken = Footprint::sum(family.iter().copied())?;
            let after = look()?;
            if after == parts {
                break taken;
            }
            parts = after;
        };
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(grandchild as i32).expect("a pid is not 0"),
            rustix::process::Signal::KILL,
        )?;
        shell.wait()?;

        assert_eq!(family, [shell.id(), grandchild]);
        assert_eq!(sum.rss, parts[0].rss + parts[1].rss);
        assert!(sum.file_descriptors >= 6, "{sum:?}");
        Ok(())
    }

    #[test]
    fn a_process_that_is_gone_takes_nothing() -> io::Result<()> {
        let mut child = Command::new("true").spawn()?;
        child.wait()?;
        assert_eq!(Footprint::sum([child.id()])?, Footprint::default());
        assert_eq!(cpu_time([child.id()])?, Duration::ZERO);
        Ok(())
    }

    #[test]
    fn processor_time_grows_with_work_and_not_with_sleep() -> io::Result<()> {
        let own = std::process::id();
        let begun = cpu_time([own])?;
        while cpu_time([own])? - begun < Duration::from_millis(5) {
            black_box(());
        }
        Ok(())
    }
}
