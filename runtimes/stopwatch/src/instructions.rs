//! Counts a program's user-mode instructions, if the machine has a counter.
//!
//! Instructions complement wall time and CPU time, because other load affects them least. Many virtual machines have no
//! counter, and a container engine's seccomp filter blocks it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, RawFd};

/// The first version of the kernel's `perf_event_attr`, which every later kernel accepts (perf_event_open(2),
/// PERF_ATTR_SIZE_VER0). A crate would hide a system call and pin a dependency that engines pin differently.
#[repr(C)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    config1: u64,
}

const KIND_HARDWARE: u32 = 0;
const COUNT_INSTRUCTIONS: u64 = 1;
/// Also read the times that the counter was enabled and running.
const FORMAT_TIMES: u64 = 1 | 2;
/// Count threads started later too.
const INHERIT: u64 = 1 << 1;
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
const CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;

/// A counter of instructions retired in user mode.
#[derive(Debug)]
pub struct Instructions(File);

impl Instructions {
    /// Counts this thread and all threads that it starts from now on.
    ///
    /// # Errors
    ///
    /// The system's error if there is no counter or it is not permitted.
    pub fn of_this_thread() -> io::Result<Self> {
        Self::of_process(0)
    }

    /// Counts a single-threaded child process and all threads that it starts from now on.
    ///
    /// # Errors
    ///
    /// As [`Instructions::of_this_thread`].
    pub fn of_process(pid: libc::pid_t) -> io::Result<Self> {
        let attributes = Attributes {
            kind: KIND_HARDWARE,
            size: size_of::<Attributes>() as u32,
            config: COUNT_INSTRUCTIONS,
            sample_period: 0,
            sample_type: 0,
            read_format: FORMAT_TIMES,
            flags: INHERIT | EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR,
            wakeup_events: 0,
            breakpoint_type: 0,
            config1: 0,
        };
        let (every_processor, no_group): (libc::c_int, libc::c_int) = (-1, -1);
        // SAFETY: the pointer is to live attributes of the size that they state, and the kernel only reads them.
        let descriptor = unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                &raw const attributes,
                pid,
                every_processor,
                no_group,
                CLOSE_ON_EXEC,
            )
        };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just created and has no other owner.
        Ok(Self(unsafe { File::from_raw_fd(descriptor as RawFd) }))
    }

    /// Instructions so far; `None` if the counter did not run, or was shared with others at any time, because the count
    /// is then extrapolated.
    pub fn so_far(&self) -> Option<u64> {
        let mut bytes = [0; 24];
        (&self.0).read_exact(&mut bytes).ok()?;
        let field = |n: usize| {
            let field = bytes[8 * n..][..8].try_into();
            field.map_or(0, u64::from_ne_bytes)
        };
        let (count, wanted, ran) = (field(0), field(1), field(2));
        (ran > 0 && ran == wanted).then_some(count)
    }
}

/// Checks whether instructions can be counted here.
///
/// # Errors
///
/// A readable reason.
pub fn supported() -> Result<(), String> {
    let counter =
        Instructions::of_this_thread().map_err(|error| format!("perf_event_open: {error}"))?;
    let begun = counter.so_far();
    // Some counters can be opened but stand still.
    let spent: u64 = std::hint::black_box((0..1000_u64).map(std::hint::black_box).sum());
    let ended = counter.so_far();
    match (begun, ended) {
        (begun, Some(ended)) if spent > 0 && ended > begun.unwrap_or(0) => Ok(()),
        _ => Err("the counter can be opened but does not count".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend(rounds: u64) {
        std::hint::black_box((0..rounds).map(std::hint::black_box).sum::<u64>());
    }

    #[test]
    fn more_work_takes_more_instructions_where_they_are_counted() {
        if let Err(reason) = supported() {
            assert!(!reason.is_empty());
            eprintln!("SKIPPED: instructions are not counted here: {reason}");
            return;
        }
        let counter = Instructions::of_this_thread().expect("it is supported");
        let of = |rounds| {
            let before = counter.so_far().unwrap_or(0);
            spend(rounds);
            counter.so_far().map(|after| after - before)
        };
        let (few, many) = (of(10_000), of(1_000_000));
        if let (Some(few), Some(many)) = (few, many) {
            assert!(many > 20 * few, "{few} {many}");
        }
    }
}
