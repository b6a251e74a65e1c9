//! The memory cgroup of a process: peak memory charged to it, including page cache and kernel memory. Version 1
//! (`memory.max_usage_in_bytes`) and version 2 (`memory.peak`, Linux 5.19 and later) report the same figure in
//! different files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Prefix of the names of groups made here; the creator's pid follows.
const PREFIX: &str = "plimsoll-";

/// Mount point of cgroups.
const MOUNTED: &str = "/sys/fs/cgroup";

/// The cgroup interface version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy per controller.
    V1,
    /// One unified hierarchy.
    V2,
}

/// A memory cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryGroup {
    /// Its folder below the mount point.
    pub path: PathBuf,
    /// Determines the file names.
    pub version: Version,
}

impl MemoryGroup {
    /// The group of a process.
    ///
    /// # Errors
    ///
    /// If the process has exited or no memory cgroups are mounted.
    pub fn of(pid: u32) -> io::Result<Self> {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        locate(&groups, &mounts).ok_or_else(|| {
            io::Error::other(format!(
                "process {pid} is in no memory control group that is mounted"
            ))
        })
    }

    /// Creates a group near this process's own, one at a time per process; remove it with [`MemoryGroup::remove`].
    /// First removes groups that killed processes left there.
    ///
    /// # Errors
    ///
    /// If this user lacks permission or the controller is not delegated.
    pub fn make() -> io::Result<Self> {
        let own = Self::of(std::process::id())?;
        let mut refused = io::Error::other("there is no place for a control group");
        for parent in own.places() {
            remove_strays(&parent);
            let group = MemoryGroup {
                path: parent.join(format!("{PREFIX}{}", std::process::id())),
                version: own.version,
            };
            match fs::create_dir(&group.path).and_then(|()| group.peak()) {
                Ok(_) => return Ok(group),
                Err(error) => {
                    group.remove();
                    refused = error;
                }
            }
        }
        Err(refused)
    }

    /// Candidate parents for a group with a memory controller. In version 2 a group that contains processes cannot
    /// delegate controllers, so the second candidate is its parent.
    fn places(&self) -> Vec<PathBuf> {
        let mut places = vec![self.path.clone()];
        if self.version == Version::V2 {
            places.extend(self.path.parent().map(Path::to_owned));
        }
        places
    }

    /// Peak memory charged to the group, in bytes.
    ///
    /// # Errors
    ///
    /// If the group is gone or the kernel does not record this figure.
    pub fn peak(&self) -> io::Result<u64> {
        let path = self.path.join(match self.version {
            Version::V1 => "memory.max_usage_in_bytes",
            Version::V2 => "memory.peak",
        });
        let text = fs::read_to_string(&path)?;
        text.trim().parse().map_err(|_| {
            let path = path.display();
            io::Error::other(format!("{path} holds {text:?}, which is no number"))
        })
    }

    /// The file that moves a process into the group when its pid is written to it.
    pub fn processes(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Removes the group if it is empty.
    pub fn remove(&self) {
        // Exiting processes keep the group busy for a moment.
        for _ in 0..50 {
            match fs::remove_dir(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                _ => return,
            }
        }
    }
}

/// Number of OOM kills on this machine since boot, whether for the machine or a cgroup. `None` if the kernel does not
/// report it.
pub fn killed_for_memory() -> Option<u64> {
    let counters = fs::read_to_string("/proc/vmstat").ok()?;
    let mut counters = counters.lines().filter_map(|line| line.split_once(' '));
    counters
        .find(|(name, _)| *name == "oom_kill")?
        .1
        .trim()
        .parse()
        .ok()
}

/// Removes every cgroup on this machine whose name `condemned` accepts, in every hierarchy, and kills the processes in
/// it. Groups that cannot be removed stay, because they do not affect the measurements.
pub fn remove_condemned(condemned: &dyn Fn(&str) -> bool) {
    remove_below(Path::new(MOUNTED), condemned);
}

fn remove_below(folder: &Path, condemned: &dyn Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Aliases of hierarchies (cpu -> cpu,cpuacct) are symbolic links.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        let named = entry.file_name().to_str().is_some_and(condemned);
        match named {
            true => {
                remove_below(&path, &|_| true);
                end_all_in(&path);
                let _ = fs::remove_dir(&path);
            }
            false => remove_below(&path, condemned),
        }
    }
}

fn end_all_in(group: &Path) {
    let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in processes
        .lines()
        .filter_map(|line| line.parse::<i32>().ok())
    {
        // SAFETY: passes only integers; pids of 0 and below are excluded. If the process has exited, kill fails.
        if 0 < pid && unsafe { libc::kill(pid, libc::SIGKILL) } == 0 {
            // The group cannot be removed before its last process has exited.
            for _ in 0..100 {
                if !Path::new(&format!("/proc/{pid}")).exists() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    }
}

/// Removes the groups of dead processes. The kernel refuses to remove a group that contains processes.
fn remove_strays(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if let Some(owner) = owner.and_then(|pid| pid.parse::<u32>().ok())
            && !Path::new(&format!("/proc/{owner}")).exists()
        {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The folder given by /proc/PID/cgroup and the mount table.
fn locate(groups: &str, mounts: &str) -> Option<MemoryGroup> {
    let mut named = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        Some((fields.next()?, fields.next()?, fields.next()?))
    });
    // A controller with a version 1 hierarchy is missing from version 2.
    let all: Vec<_> = named.by_ref().collect();
    let of_memory = |controllers: &str| controllers.split(',').any(|one| one == "memory");
    if let Some((_, _, path)) = all
        .iter()
        .find(|(_, controllers, _)| of_memory(controllers))
    {
        let mount = mount(mounts, |kind, options| {
            kind == "cgroup" && of_memory(options)
        })?;
        return Some(MemoryGroup {
            path: below(&mount, path),
            version: Version::V1,
        });
    }
    let (_, _, path) = all.iter().find(|(hierarchy, _, _)| *hierarchy == "0")?;
    let mount = mount(mounts, |kind, _| kind == "cgroup2")?;
    Some(MemoryGroup {
        path: below(&mount, path),
        version: Version::V2,
    })
}

/// Mount point of a file system with this type and options.
fn mount(mounts: &str, is_it: impl Fn(&str, &str) -> bool) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        is_it(kind, options).then(|| PathBuf::from(path))
    })
}

fn below(mount: &Path, path: &str) -> PathBuf {
    mount.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS_V1: &str = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
        cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n\
        cgroup /sys/fs/cgroup/memory cgroup rw,nosuid,relatime,memory 0 0\n\
        cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
    const MOUNTS_V2: &str = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";

    #[test]
    fn version_1_and_a_mixture_of_both_are_read_where_version_1_is_mounted() {
        let groups = "9:name=systemd:/\n4:memory:/docker/ab12\n0::/\n";
        let group = locate(groups, MOUNTS_V1).expect("there is one");
        assert_eq!(group.path, Path::new("/sys/fs/cgroup/memory/docker/ab12"));
        assert_eq!(group.version, Version::V1);
    }

    #[test]
    fn version_2_is_read_below_the_one_hierarchy() {
        let group = locate("0::/system.slice/docker-ab12.scope\n", MOUNTS_V2).expect("one");
        let path = "/sys/fs/cgroup/system.slice/docker-ab12.scope";
        assert_eq!(
            (group.path.as_path(), group.version),
            (Path::new(path), Version::V2)
        );
    }

    #[test]
    fn without_a_mount_there_is_none() {
        assert_eq!(locate("4:memory:/\n", "tmpfs /tmp tmpfs rw 0 0\n"), None);
        assert_eq!(locate("", MOUNTS_V2), None);
    }

    #[test]
    fn a_group_of_version_2_can_be_made_beside_the_one_that_processes_are_in() {
        let group = |version| MemoryGroup {
            path: "/sys/fs/cgroup/user.slice/session-1.scope".into(),
            version,
        };
        assert_eq!(group(Version::V1).places().len(), 1);
        let beside = group(Version::V2).places();
        assert_eq!(beside[1], Path::new("/sys/fs/cgroup/user.slice"));
    }

    #[test]
    fn what_a_process_of_the_past_left_is_removed_and_what_one_of_now_has_is_not() -> io::Result<()>
    {
        let folder = tempfile::tempdir()?;
        // No pid is this large: PID_MAX_LIMIT is 2^22.
        let stray = folder.path().join(format!("{PREFIX}{}", 1 << 23));
        let own = folder
            .path()
            .join(format!("{PREFIX}{}", std::process::id()));
        let other = folder.path().join("session-1.scope");
        for path in [&stray, &own, &other] {
            fs::create_dir(path)?;
        }
        remove_strays(folder.path());
        assert!(!stray.exists() && own.exists() && other.exists());
        Ok(())
    }

    /// Uses the cgroup version of this machine.
    #[test]
    fn what_a_process_in_a_group_touches_is_charged_to_it() -> io::Result<()> {
        const TOUCHED: u64 = 64 << 20;
        let group = match MemoryGroup::make() {
            Ok(group) => group,
            Err(error) => {
                eprintln!("SKIPPED: no memory control group can be made here: {error}");
                return Ok(());
            }
        };
        match group.version {
            Version::V1 => eprintln!(
                "SKIPPED for version 2: this machine has its memory controller in version 1"
            ),
            Version::V2 => eprintln!("SKIPPED for version 1: this machine has version 2"),
        }
        let entered = format!(
            "echo 0 > {} && exec dd if=/dev/zero of=/dev/null bs={TOUCHED} count=1",
            group.processes().display()
        );
        let output = std::process::Command::new("sh")
            .args(["-c", &entered])
            .output()?;
        let peak = group.peak()?;
        group.remove();
        assert!(output.status.success(), "{output:?}");
        assert!((TOUCHED..TOUCHED + TOUCHED / 20).contains(&peak), "{peak}");
        Ok(())
    }

    #[test]
    fn the_peak_of_either_version_is_a_number_in_its_file() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        for (version, file) in [
            (Version::V1, "memory.max_usage_in_bytes"),
            (Version::V2, "memory.peak"),
        ] {
            let path = folder.path().to_owned();
            fs::write(path.join(file), "73400320\n")?;
            assert_eq!(MemoryGroup { path, version }.peak()?, 73_400_320);
        }
        Ok(())
    }
}
