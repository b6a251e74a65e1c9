//! A quota of processor time for a process that runs already: a control group of its own, version 1 or 2.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Processor time per period, microseconds.
const QUOTA_US: u32 = 10_000;
/// The usual period of container engines, microseconds.
const PERIOD_US: u32 = 100_000;

/// A control group with a quota. Dropping it removes the group, which must then be empty or about to be.
#[derive(Debug)]
pub struct Quota {
    folder: PathBuf,
}

impl Quota {
    /// Makes a group near this process's own with a tenth of one processor.
    ///
    /// # Errors
    /// If the controller is not mounted or not delegated, or this user may not use it.
    pub fn make() -> io::Result<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup")?;
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let mut refused = io::Error::other("no control group of processor time is mounted");
        for (parent, version_1) in places(&groups, &mounts) {
            let name = format!("plimsoll-quota-{}", std::process::id());
            let quota = Quota {
                folder: parent.join(name),
            };
            match quota.create(version_1) {
                Ok(()) => return Ok(quota),
                Err(error) => {
                    let what = format!("{}: {error}", quota.folder.display());
                    refused = io::Error::new(error.kind(), what);
                }
            }
        }
        Err(refused)
    }

    fn create(&self, version_1: bool) -> io::Result<()> {
        match fs::create_dir(&self.folder) {
            // Left by an earlier process with this number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        if version_1 {
            let set = |name, value: u32| fs::write(self.folder.join(name), value.to_string());
            set("cpu.cfs_period_us", PERIOD_US)?;
            return set("cpu.cfs_quota_us", QUOTA_US);
        }
        let value = format!("{QUOTA_US} {PERIOD_US}");
        fs::write(self.folder.join("cpu.max"), value)
    }

    /// Moves a process into the group.
    ///
    /// # Errors
    /// If it is gone or may not be moved.
    pub fn hold(&self, pid: u32) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string())
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // Exiting processes keep the group busy for a moment.
        for _ in 0..50 {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    thread::sleep(Duration::from_millis(10));
                }
                _ => return,
            }
        }
    }
}

/// Where a group may be made, with whether its interface is version 1. In version 2 a group that contains processes
/// cannot delegate, so the parent of one's own comes second.
fn places(groups: &str, mounts: &str) -> Vec<(PathBuf, bool)> {
    let mounted = |kind: &str, option: Option<&str>| {
        let mut all = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>());
        all.find_map(|fields| match fields.as_slice() {
            [_, at, found, options, ..] if *found == kind => {
                let has = option.is_none_or(|option| options.split(',').any(|one| one == option));
                has.then(|| PathBuf::from(at))
            }
            _ => None,
        })
    };
    let own = |meant: &dyn Fn(&str) -> bool| {
        let mut all = groups
            .lines()
            .map(|line| line.splitn(3, ':').collect::<Vec<_>>());
        all.find_map(|fields| match fields.as_slice() {
            [_, controllers, path] if meant(controllers) => {
                Some(Path::new(path.trim_start_matches('/')).to_owned())
            }
            _ => None,
        })
    };
    let mut places = Vec::new();
    let of_version_1 = |controllers: &str| controllers.split(',').any(|one| one == "cpu");
    if let (Some(root), Some(path)) = (mounted("cgroup", Some("cpu")), own(&of_version_1)) {
        places.push((root.join(path), true));
    }
    if let (Some(root), Some(path)) = (mounted("cgroup2", None), own(&str::is_empty)) {
        let folder = root.join(&path);
        let parent = folder.parent().map(Path::to_owned);
        places.push((folder, false));
        // Above the mount point there are no groups.
        places.extend(
            parent
                .filter(|_| path != Path::new(""))
                .map(|parent| (parent, false)),
        );
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_is_found_in_both_versions() {
        let mounts = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0\n\
                      cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\n";
        let groups = "3:cpuset:/\n2:cpu,cpuacct:/user/one\n1:name=systemd:/\n";
        let found = places(groups, mounts);
        assert_eq!(
            found,
            [("/sys/fs/cgroup/cpu,cpuacct/user/one".into(), true)]
        );
        let mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";
        let found = places("0::/user.slice/session\n", mounts);
        let expected = [
            "/sys/fs/cgroup/user.slice/session",
            "/sys/fs/cgroup/user.slice",
        ];
        assert_eq!(found, expected.map(|place| (PathBuf::from(place), false)));
        assert_eq!(
            places("0::/\n", mounts),
            [("/sys/fs/cgroup/".into(), false)]
        );
        assert_eq!(places("1:memory:/\n", mounts), []);
    }
}
