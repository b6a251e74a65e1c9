//! Looks for noise sources before the first trial. They do not stop a run, but are recorded and shown.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use plimsoll_record::run::{Environment, INSTRUCTIONS, PreflightNote, Severity};
use plimsoll_stopwatch::instructions;

use crate::machine::energy;
use crate::machine::environment::setting;
use crate::machine::lock;

/// How long other CPU load is measured.
const WATCH: Duration = Duration::from_millis(400);
/// Share of CPU time used by others above which small differences are in doubt.
const BUSY: f64 = 0.10;
/// Share of stolen time above which the host is too busy.
const STOLEN: f64 = 0.01;

/// Checks the machine.
pub fn look(environment: &Environment) -> Vec<PreflightNote> {
    let mut notes = vec![load(environment)];
    notes.extend(processors());
    notes.push(match &environment.governor {
        Some(governor) if governor == "performance" => {
            note("frequency governor", governor, Severity::Good)
        }
        Some(governor) => note(
            "frequency governor",
            &format!("{governor}: clock speed follows load; `performance` holds it"),
            Severity::Noisy,
        ),
        None => note("frequency governor", "not visible here", Severity::Note),
    });
    notes.push(multithreading());
    notes.push(containers());
    notes.push(match energy::Meter::open() {
        Some(_) => note(
            "energy",
            "counted at L4, of the whole machine",
            Severity::Good,
        ),
        None => note("energy", energy::NOT_SUPPORTED, Severity::Note),
    });
    notes.push(match environment.virtualised {
        true => note(
            "virtual machine",
            "yes: the host's other guests share this hardware",
            Severity::Note,
        ),
        false => note("virtual machine", "no", Severity::Good),
    });
    notes.extend(clock(environment));
    notes.extend(lock_elsewhere());
    if let Some(aslr) = &environment.aslr {
        let found = match aslr.as_str() {
            "0" => "off: every process has one layout, which may be a lucky or an unlucky one",
            _ => "on: layout varies from trial to trial, as in production",
        };
        notes.push(note("address space randomisation", found, Severity::Note));
    }
    if let Some(setting) = &environment.transparent_hugepages {
        notes.push(note("transparent huge pages", setting, Severity::Note));
    }
    notes
}

/// A note if the lock is in another folder, where other runs do not see it.
fn lock_elsewhere() -> Option<PreflightNote> {
    let folder = std::env::var_os(lock::OVERRIDE)?;
    let found = format!(
        "in {} by {}: runs that lock elsewhere are not kept out",
        folder.to_string_lossy(),
        lock::OVERRIDE
    );
    Some(note("machine lock", &found, Severity::Noisy))
}

/// Whether guests' instructions will be counted, in a run that would count them.
pub fn counting() -> PreflightNote {
    match instructions::supported() {
        Ok(()) => note(INSTRUCTIONS, "counted, in user mode", Severity::Good),
        Err(reason) => note(
            INSTRUCTIONS,
            &format!("not supported on this machine ({reason})"),
            Severity::Note,
        ),
    }
}

fn note(subject: &str, found: &str, severity: Severity) -> PreflightNote {
    PreflightNote {
        subject: subject.to_owned(),
        found: found.to_owned(),
        severity,
    }
}

fn load(environment: &Environment) -> PreflightNote {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let one_minute: Option<f64> = text.split(' ').next().and_then(|n| n.parse().ok());
    match one_minute {
        None => note("load average", "not visible here", Severity::Note),
        Some(load) => {
            let found = format!(
                "{load:.2} on {}",
                crate::ui::format::count(environment.cpus as usize, "processor",)
            );
            // A load of half the processors leaves one free even on the smallest machine.
            let severity = match load < f64::from(environment.cpus) / 2.0 {
                true => Severity::Good,
                false => Severity::Noisy,
            };
            note("load average", &found, severity)
        }
    }
}

/// Jiffies of all processors: busy, stolen, total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Jiffies {
    busy: u64,
    stolen: u64,
    all: u64,
}

impl Jiffies {
    fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// Parses columns of proc(5): user nice system idle iowait irq softirq steal guest guest_nice. User time
    /// includes guest time.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let columns: Vec<u64> = line
            .split_whitespace()
            .take(8)
            .map(|column| column.parse().ok())
            .collect::<Option<_>>()?;
        let all = columns.iter().sum();
        let idle = columns.get(3)? + columns.get(4)?;
        let stolen = *columns.get(7)?;
        Some(Self {
            busy: all - idle - stolen,
            stolen,
            all,
        })
    }
}

fn processors() -> Vec<PreflightNote> {
    let (Some(before), ()) = (Jiffies::now(), thread::sleep(WATCH)) else {
        return Vec::new();
    };
    let Some(after) = Jiffies::now() else {
        return Vec::new();
    };
    let all = (after.all - before.all).max(1) as f64;
    let mut notes = Vec::new();
    for (subject, part, limit) in [
        (
            "processors busy with other work",
            after.busy - before.busy,
            BUSY,
        ),
        (
            "time stolen by the host",
            after.stolen - before.stolen,
            STOLEN,
        ),
    ] {
        let share = part as f64 / all;
        let severity = match share <= limit {
            true => Severity::Good,
            false => Severity::Noisy,
        };
        notes.push(note(subject, &format!("{:.0} %", share * 100.0), severity));
    }
    notes
}

fn multithreading() -> PreflightNote {
    let subject = "simultaneous multithreading";
    match setting("/sys/devices/system/cpu/smt/active").as_deref() {
        Some("0") => note(subject, "off", Severity::Good),
        Some(_) => note(subject, "on: neighbours share a core", Severity::Note),
        None => note(subject, "not visible here", Severity::Note),
    }
}

/// Containers of any engine: control groups with a 64-digit hexadecimal id.
fn containers() -> PreflightNote {
    let mut found = BTreeSet::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let groups = fs::read_to_string(process.path().join("cgroup")).unwrap_or_default();
        found.extend(container_ids(&groups).map(str::to_owned));
    }
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    for id in container_ids(&own) {
        found.remove(id);
    }
    match found.len() {
        0 => note("other containers", "none", Severity::Good),
        n => note("other containers", &format!("{n} running"), Severity::Noisy),
    }
}

fn container_ids(groups: &str) -> impl Iterator<Item = &str> {
    groups
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn clock(environment: &Environment) -> Option<PreflightNote> {
    let source = environment.other.get("clock source")?;
    // These clocks are read without a system call (vDSO); any other needs one per reading.
    let fast = [
        "tsc",
        "kvm-clock",
        "hyperv_clocksource_tsc_page",
        "arch_sys_counter",
    ];
    Some(match fast.contains(&source.as_str()) {
        true => note("clock source", source, Severity::Good),
        false => note(
            "clock source",
            &format!("{source}: reading it is slow, which L0 includes"),
            Severity::Noisy,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_told_apart_from_busy_time() {
        let jiffies = Jiffies::parse("cpu  10 0 5 80 5 0 0 7 3 0\ncpu0 1\n").unwrap();
        assert_eq!(
            jiffies,
            Jiffies {
                busy: 15,
                stolen: 7,
                all: 107
            }
        );
        assert_eq!(Jiffies::parse("nonsense"), None);
    }

    #[test]
    fn whether_instructions_are_counted_is_said_either_way() {
        let note = counting();
        assert_eq!(note.subject, INSTRUCTIONS);
        match instructions::supported() {
            Ok(()) => assert_eq!(note.found, "counted, in user mode"),
            Err(why) => {
                assert!(note.found.starts_with("not supported") && note.found.contains(&why))
            }
        }
    }

    #[test]
    fn a_container_is_known_by_its_id_in_a_control_group() {
        let id = "0123456789abcdef".repeat(4);
        let v1 = format!("12:cpu:/engine/{id}\n");
        let v2 = format!("0::/system.slice/engine-{id}.scope\n");
        assert_eq!(container_ids(&v1).collect::<Vec<_>>(), [id.as_str()]);
        assert_eq!(container_ids(&v2).collect::<Vec<_>>(), [id.as_str()]);
        assert_eq!(container_ids("0::/user.slice\n").count(), 0);
    }
}
