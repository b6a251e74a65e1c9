//! Describes the machine of a run, for the record.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use plimsoll_record::run::{Environment, Identity};
use sha2::{Digest, Sha256};

use crate::catalog::checkout::Checkout;
use crate::process::command;

/// Reads the machine's description. Unknown values are recorded as `unknown`, never guessed.
pub fn look(checkout: &Checkout) -> Environment {
    let uname = rustix::system::uname();
    let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
    Environment {
        kernel: format!(
            "{} {}",
            uname.sysname().to_string_lossy(),
            uname.release().to_string_lossy()
        ),
        os: os_name(&read("/etc/os-release").unwrap_or_default()),
        cpu_model: cpu_model(&cpuinfo),
        cpus: std::thread::available_parallelism()
            .map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        memory_bytes: memory_bytes(&read("/proc/meminfo").unwrap_or_default()),
        virtualised: has_flag(&cpuinfo, "hypervisor"),
        governor: setting("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        aslr: setting("/proc/sys/kernel/randomize_va_space"),
        transparent_hugepages: setting("/sys/kernel/mm/transparent_hugepage/enabled")
            .map(|text| chosen(&text)),
        cgroup: cgroup(&read("/proc/self/mounts").unwrap_or_default()),
        other: other(checkout),
        identity: Some(identity()),
    }
}

/// Variable with this machine's name in its runs; the default is the host name.
pub const NAME: &str = "PLIMSOLL_MACHINE";

fn identity() -> Identity {
    let given = std::env::var(NAME).ok();
    let given = given.map(|name| name.trim().to_owned());
    let host = || {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    };
    Identity {
        name: given.filter(|name| !name.is_empty()).unwrap_or_else(host),
        id: setting("/etc/machine-id").and_then(|id| hashed(&id)),
        boot: setting("/proc/sys/kernel/random/boot_id").and_then(|id| hashed(&id)),
    }
}

/// machine-id(5) forbids publishing the id itself. Twelve digits of a hash distinguish machines.
fn hashed(id: &str) -> Option<String> {
    let known = !id.is_empty() && id != "uninitialized";
    let digest = Sha256::digest(format!("plimsoll {id}"));
    known.then(|| hex::encode(&digest[..6]))
}

/// A one-line kernel setting; `None` if the kernel lacks it.
pub fn setting(path: &str) -> Option<String> {
    Some(read(path)?.trim().to_owned())
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn os_name(os_release: &str) -> String {
    os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or_else(
            || "unknown".to_owned(),
            |name| name.trim_matches('"').to_owned(),
        )
}

fn cpu_model(cpuinfo: &str) -> String {
    field(cpuinfo, "model name").map_or_else(|| "unknown".to_owned(), str::to_owned)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn has_flag(cpuinfo: &str, flag: &str) -> bool {
    field(cpuinfo, "flags").is_some_and(|flags| flags.split(' ').any(|f| f == flag))
}

fn memory_bytes(meminfo: &str) -> u64 {
    field(meminfo, "MemTotal")
        .and_then(|value| value.strip_suffix(" kB")?.trim().parse::<u64>().ok())
        .map_or(0, |kibibytes| kibibytes * 1024)
}

/// Extracts `madvise` from `always [madvise] never`.
fn chosen(text: &str) -> String {
    text.split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or_else(|| text.to_owned(), |(chosen, _)| chosen.to_owned())
}

fn cgroup(mounts: &str) -> String {
    let has = |kind: &str| {
        mounts
            .lines()
            .any(|line| line.split(' ').nth(2) == Some(kind))
    };
    match (has("cgroup"), has("cgroup2")) {
        (true, true) => "hybrid",
        (true, false) => "v1",
        (false, true) => "v2",
        (false, false) => "none",
    }
    .to_owned()
}

fn other(checkout: &Checkout) -> BTreeMap<String, String> {
    let clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let root = checkout.root.to_string_lossy();
    let mut other = BTreeMap::new();
    let mut keep = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            other.insert(name.to_owned(), value);
        }
    };
    keep("clock source", setting(clock));
    keep(
        "simultaneous multithreading",
        setting("/sys/devices/system/cpu/smt/control"),
    );
    keep(
        "source revision",
        Path::new(&*root)
            .join(".git")
            .exists()
            .then(|| command::first_line("git", &["-C", &root, "describe", "--always", "--dirty"]))
            .flatten(),
    );
    other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_files_are_read_as_they_are_written() {
        assert_eq!(chosen("always [madvise] never"), "madvise");
        assert_eq!(
            os_name("ID=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n"),
            "Debian GNU/Linux 12"
        );
        assert_eq!(os_name(""), "unknown");
        assert_eq!(
            memory_bytes("MemTotal:       1024 kB\nMemFree: 1 kB\n"),
            1 << 20
        );
        assert!(has_flag("flags\t\t: fpu hypervisor sse\n", "hypervisor"));
        assert!(!has_flag("flags\t\t: fpu sse\n", "hypervisor"));
        assert_eq!(cgroup("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"), "v2");
        assert_eq!(
            cgroup("a /a cgroup rw 0 0\nb /b cgroup2 rw 0 0\n"),
            "hybrid"
        );
    }
}
