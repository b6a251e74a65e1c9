//! The memory control group of a process: the most that was ever charged to it, page cache and the
//! kernel's own memory included. Version 1 (`memory.max_usage_in_bytes`) and version 2
//! (`memory.peak`, Linux 5.19 and newer) say the same in different places.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Which interface a control group has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A hierarchy for each controller.
    V1,
    /// One hierarchy for all.
    V2,
}

/// A memory control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryGroup {
    /// Its folder.
    pub path: PathBuf,
    /// How it is read.
    pub version: Version,
}

impl MemoryGroup {
    /// The group that a process is in.
    ///
    /// # Errors
    ///
    /// When the process is gone, or no control groups for memory are mounted here.
    pub fn of(pid: u32) -> io::Result<Self> {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        locate(&groups, &mounts).ok_or_else(|| {
            io::Error::other(format!(
                "process {pid} is in no memory control group that is mounted"
            ))
        })
    }

    /// A new group below that of this process, to be removed by [`MemoryGroup::remove`].
    ///
    /// # Errors
    ///
    /// When this user may not, or the controller is not handed on to it.
    pub fn make(name: &str) -> io::Result<Self> {
        let own = Self::of(std::process::id())?;
        let group = MemoryGroup {
            path: own.path.join(name),
            ..own
        };
        fs::create_dir(&group.path)?;
        if let Err(error) = group.peak() {
            group.remove();
            return Err(error);
        }
        Ok(group)
    }

    /// Most bytes that were ever charged to it.
    ///
    /// # Errors
    ///
    /// When the group is gone, or the kernel does not keep this figure.
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

    /// The file that a process is moved here by: its number is written to it.
    pub fn processes(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Removes the group, if nothing is in it any more.
    pub fn remove(&self) {
        // What is still ending holds it for a moment.
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

/// The folder that /proc/PID/cgroup and the mounts together name.
fn locate(groups: &str, mounts: &str) -> Option<MemoryGroup> {
    let mut named = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        Some((fields.next()?, fields.next()?, fields.next()?))
    });
    // A controller that has a hierarchy of version 1 is not in that of version 2.
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

/// Where a file system of that kind and with those options is mounted.
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
