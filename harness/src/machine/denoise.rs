//! `bench run --denoise`: reduces noise where permitted, prints every change, and restores it at the end.
//!
//! The benchmark gets a processor of its own, and `bench` runs on the others. Priority is raised, ASLR is
//! off, and the clock speed is fixed. Each of these makes results more repeatable but less like production,
//! so they are off by default.
//!
//! Children inherit the settings of the thread that starts them. So priority and layout are set on this
//! thread once, but its processor changes only while a child is started ([`starting`]).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use plimsoll_record::Step;
use plimsoll_record::run::{DENOISE, PreflightNote, Severity};
use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::machine::environment::setting;

/// Priority of the benchmark: above ordinary processes, below vital ones.
const NICE: i32 = -10;

/// The sets of processors, once set.
static PROCESSORS: OnceLock<Processors> = OnceLock::new();

/// Changed system files with their original content. Only these changes outlive the process, so only these
/// are restored before an immediate exit.
static FILES: Mutex<Vec<(PathBuf, String)>> = Mutex::new(Vec::new());

/// The processors of the benchmark and of `bench`.
struct Processors {
    measured: CpuSet,
    bench: CpuSet,
}

/// The changes; dropping it restores them.
#[derive(Debug, Default)]
pub struct Denoised {
    /// What was set, and what could not be set and why.
    pub notes: Vec<PreflightNote>,
    before: Vec<Before>,
}

/// An original setting.
#[derive(Debug)]
enum Before {
    Priority(i32),
    Personality(libc::c_ulong),
    Affinity(Box<CpuSet>),
}

impl Denoised {
    /// Applies what is permitted, for a run of `steps`.
    pub fn set(steps: &[Step]) -> Self {
        let mut denoised = Self::default();
        denoised.affinity(steps);
        denoised.priority();
        denoised.layout();
        denoised.clock_speed();
        denoised
    }

    fn note(&mut self, what: &str, found: String, severity: Severity) {
        self.notes.push(PreflightNote {
            subject: format!("{DENOISE} {what}"),
            found,
            severity,
        });
    }

    fn affinity(&mut self, steps: &[Step]) {
        const WHAT: &str = "affinity";
        let allowed = match affinity() {
            Ok(allowed) => allowed,
            Err(error) => {
                return self.note(WHAT, format!("not set: {error}"), Severity::Noisy);
            }
        };
        let mine = members(&allowed);
        let Some((&measured, others @ [_, ..])) = mine.split_last() else {
            let found = "not set: there is one processor, which all must share".to_owned();
            return self.note(WHAT, found, Severity::Noisy);
        };
        let bench = set_of(others);
        if let Err(error) = keep_to(&bench) {
            return self.note(WHAT, format!("not set: {error}"), Severity::Noisy);
        }
        self.before.push(Before::Affinity(Box::new(allowed)));
        // Set once per process: a second run would choose the same processors.
        let _ = PROCESSORS.set(Processors {
            measured: set_of(&[measured]),
            bench,
        });
        let others: Vec<String> = others.iter().map(usize::to_string).collect();
        let others = others.join(",");
        self.note(
            WHAT,
            format!("the benchmark runs on processor {measured}, bench on {others}"),
            Severity::Good,
        );
        if let Some(siblings) = siblings(measured).filter(|siblings| siblings.len() > 1) {
            let list: Vec<String> = siblings.iter().map(usize::to_string).collect();
            self.note(
                "core",
                format!(
                    "processors {} are one core: it is not alone",
                    list.join(",")
                ),
                Severity::Note,
            );
        }
        if steps.contains(&Step::Compile) {
            self.note(
                "compiling",
                "one processor for compilers that use all: L2 does not compare with a run \
                 without --denoise"
                    .to_owned(),
                Severity::Note,
            );
        }
        self.note(
            "containers",
            "the adapter asks the engine for the same processor; priority and layout are the \
             engine's own"
                .to_owned(),
            Severity::Note,
        );
    }

    fn priority(&mut self) {
        let raised = getpriority_process(None)
            .and_then(|before| setpriority_process(None, NICE).map(|()| before));
        match raised {
            Ok(before) => {
                self.before.push(Before::Priority(before));
                self.note("priority", format!("nice {NICE}"), Severity::Good);
            }
            Err(error) => {
                let found = format!("not raised to nice {NICE}: {error}; root may");
                self.note("priority", found, Severity::Noisy);
            }
        }
    }

    fn layout(&mut self) {
        const ASK: libc::c_ulong = 0xffff_ffff;
        // SAFETY: no pointer is passed; this value only queries.
        let before = unsafe { libc::personality(ASK) };
        let wanted = before as libc::c_ulong | libc::ADDR_NO_RANDOMIZE as libc::c_ulong;
        // SAFETY: no pointer is passed.
        if before < 0 || unsafe { libc::personality(wanted) } < 0 {
            let error = io::Error::last_os_error();
            let found = format!("still random: {error}");
            return self.note("address space layout", found, Severity::Noisy);
        }
        self.before
            .push(Before::Personality(before as libc::c_ulong));
        self.note(
            "address space layout",
            "one for every process (ASLR off): it may be a lucky or an unlucky one".to_owned(),
            Severity::Note,
        );
    }

    fn clock_speed(&mut self) {
        let mut governors: Vec<PathBuf> = fs::read_dir("/sys/devices/system/cpu/cpufreq")
            .into_iter()
            .flatten()
            .flatten()
            .map(|policy| policy.path().join("scaling_governor"))
            .filter(|path| path.exists())
            .collect();
        governors.sort();
        if governors.is_empty() {
            let found = "not visible here: the host's business".to_owned();
            self.note("frequency governor", found, Severity::Note);
        } else {
            self.write("frequency governor", &governors, "performance");
        }
        let intel = Path::new("/sys/devices/system/cpu/intel_pstate/no_turbo");
        let others = Path::new("/sys/devices/system/cpu/cpufreq/boost");
        if intel.exists() {
            self.write("turbo", &[intel.to_owned()], "1");
        } else if others.exists() {
            self.write("turbo", &[others.to_owned()], "0");
        } else {
            let found = "not visible here: the host's business".to_owned();
            self.note("turbo", found, Severity::Note);
        }
    }

    fn write(&mut self, what: &str, files: &[PathBuf], value: &str) {
        for path in files {
            let current = setting(&path.to_string_lossy()).unwrap_or_default();
            if current == value {
                continue;
            }
            if let Err(error) = fs::write(path, value) {
                let found = format!("{current}, not changed: {}: {error}", path.display());
                return self.note(what, found, Severity::Noisy);
            }
            changed_files().push((path.clone(), current));
        }
        self.note(what, format!("{value} for the run"), Severity::Good);
    }
}

fn changed_files() -> std::sync::MutexGuard<'static, Vec<(PathBuf, String)>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Restores every changed system file, in reverse order. Called at the end of a run, and before a second
/// Ctrl-C ends the process.
pub fn put_files_back() {
    for (path, previous) in changed_files().drain(..).rev() {
        if let Err(error) = fs::write(&path, &previous) {
            let path = path.display();
            eprintln!("cannot undo what --denoise has set: writing {previous} to {path}: {error}");
        }
    }
}

impl Drop for Denoised {
    fn drop(&mut self) {
        put_files_back();
        for before in self.before.drain(..).rev() {
            let undone = match &before {
                Before::Priority(nice) => setpriority_process(None, *nice).map_err(io::Error::from),
                // SAFETY: no pointer is passed.
                Before::Personality(flags) => checked(unsafe { libc::personality(*flags) }.min(0)),
                Before::Affinity(set) => keep_to(set),
            };
            if let Err(error) = undone {
                eprintln!("cannot undo what --denoise has set ({before:?}): {error}");
            }
        }
    }
}

/// While this exists, children of this thread start on the benchmark's processor.
#[derive(Debug)]
pub struct Starting(());

/// Create before starting a measured process or an adapter, and drop afterwards. Does nothing without
/// `--denoise`.
pub fn starting() -> Option<Starting> {
    let processors = PROCESSORS.get()?;
    // Setting this worked before; if it fails now, the child only shares processors.
    keep_to(&processors.measured).ok().map(Starting)
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(processors) = PROCESSORS.get() {
            let _ = keep_to(&processors.bench);
        }
    }
}

/// One processor to measure on, and one for `bench`; those of `--denoise` if it chose some.
///
/// # Errors
/// If the system does not say which processors this process may use, or there is only one.
pub fn two_processors() -> io::Result<[CpuSet; 2]> {
    if let Some(chosen) = PROCESSORS.get() {
        return Ok([chosen.measured, chosen.bench]);
    }
    match members(&affinity()?).as_slice() {
        [.., bench, measured] => Ok([set_of(&[*measured]), set_of(&[*bench])]),
        _ => Err(io::Error::other(
            "there is one processor, which the load generator would have to share",
        )),
    }
}

/// Keeps this thread, and what it starts from now on, to some processors until it is dropped.
#[derive(Debug)]
pub struct Kept(CpuSet);

impl Kept {
    /// # Errors
    /// If the system refuses.
    pub fn to(set: &CpuSet) -> io::Result<Self> {
        let before = affinity()?;
        keep_to(set)?;
        Ok(Self(before))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // These were allowed before.
        let _ = keep_to(&self.0);
    }
}

fn affinity() -> io::Result<CpuSet> {
    Ok(sched_getaffinity(None)?)
}

fn keep_to(set: &CpuSet) -> io::Result<()> {
    Ok(sched_setaffinity(None, set)?)
}

fn members(set: &CpuSet) -> Vec<usize> {
    (0..CpuSet::MAX_CPU)
        .filter(|&cpu| set.is_set(cpu))
        .collect()
}

fn set_of(cpus: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    cpus.iter().for_each(|&cpu| set.set(cpu));
    set
}

/// The processors on the same core as this one, itself included.
fn siblings(cpu: usize) -> Option<Vec<usize>> {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
    Some(numbers(&setting(&path)?))
}

/// Parses `0,2-3`.
fn numbers(list: &str) -> Vec<usize> {
    list.split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
        })
        .flatten()
        .collect()
}

fn checked(code: libc::c_int) -> io::Result<()> {
    match code {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn status(field: &str) -> String {
        let output = Command::new("grep")
            .args([field, "/proc/self/status"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().last().unwrap().to_owned()
    }

    #[test]
    fn what_it_sets_a_child_has_and_when_it_is_dropped_everything_is_as_before() {
        let (before, allowed) = (status("Cpus_allowed_list"), affinity().unwrap());
        let denoised = Denoised::set(&[Step::Compile]);
        let said = |what: &str| {
            let subject = format!("{DENOISE} {what}");
            let mut notes = denoised.notes.iter();
            notes.find(|note| note.subject == subject).cloned()
        };
        let affinity_note = said("affinity").unwrap();
        if let Some((measured, [_, ..])) = members(&allowed).split_last() {
            assert_eq!(affinity_note.severity, Severity::Good, "{affinity_note:?}");
            assert_ne!(status("Cpus_allowed_list"), measured.to_string());
            let guard = starting();
            assert_eq!(status("Cpus_allowed_list"), measured.to_string());
            drop(guard);
            assert_ne!(status("Cpus_allowed_list"), measured.to_string());
            assert!(said("compiling").is_some());
        } else {
            assert!(
                affinity_note.found.starts_with("not set"),
                "{affinity_note:?}"
            );
        }
        for what in [
            "priority",
            "address space layout",
            "frequency governor",
            "turbo",
        ] {
            assert!(said(what).is_some(), "nothing is said of {what}");
        }
        drop(denoised);
        assert_eq!(status("Cpus_allowed_list"), before);
    }

    /// Variable for the child process of the next test: the file to change.
    const CHANGES: &str = "PLIMSOLL_TEST_CHANGES";

    #[test]
    fn a_second_interrupt_ends_the_process_and_still_puts_the_machine_back() {
        if let Some(file) = std::env::var_os(CHANGES) {
            let interrupt = crate::machine::interrupt::Interrupt::install(put_files_back).unwrap();
            let mut denoised = Denoised::default();
            denoised.write("turbo", &[file.into()], "1");
            for requested in [false, true] {
                assert_eq!(interrupt.requested(), requested);
                signal_hook::low_level::raise(signal_hook::consts::SIGINT).unwrap();
            }
            std::thread::sleep(std::time::Duration::from_secs(60));
            unreachable!("a second interrupt ends the process");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("no_turbo");
        fs::write(&file, "0").unwrap();
        let name = "machine::denoise::tests::a_second_interrupt_ends_the_process_and_still_puts_the_machine_back";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(CHANGES, &file)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "0");
    }

    #[test]
    fn a_list_of_processors_is_read_as_the_kernel_writes_it() {
        assert_eq!(numbers("0,2-4\n"), [0, 2, 3, 4]);
        assert_eq!(numbers("7"), [7]);
        assert!(numbers("").is_empty());
    }
}
