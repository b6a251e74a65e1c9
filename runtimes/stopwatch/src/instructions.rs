//! Instructions that a program's own code takes, where the machine counts them.
//!
//! A third opinion beside wall and processor time: other load disturbs it least. Many virtual
//! machines have no such counter, and inside a container the engine's filter refuses it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, RawFd};

/// The first version of the kernel's `perf_event_attr`, which every later kernel takes
/// (perf_event_open(2), PERF_ATTR_SIZE_VER0). A crate would hide a system call and pin a version
/// that engines pin differently.
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
/// Beside the count, how long it was wanted and how long it ran.
const FORMAT_TIMES: u64 = 1 | 2;
/// Threads that are started later are counted too.
const INHERIT: u64 = 1 << 1;
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
const CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;

/// A counter of the instructions that are finished in user mode.
#[derive(Debug)]
pub struct Instructions(File);

impl Instructions {
    /// Of the calling thread, and of every thread that it starts from now on.
    ///
    /// # Errors
    ///
    /// What the system says where there is no such counter or it may not be used.
    pub fn of_this_thread() -> io::Result<Self> {
        Self::of_process(0)
    }

    /// Of a child process that has one thread, and of every thread that it starts from now on.
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
        // SAFETY: the pointer is to live attributes of the size that they name; the kernel only
        // reads them.
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
        // SAFETY: the descriptor was just made and belongs to nobody else.
        Ok(Self(unsafe { File::from_raw_fd(descriptor as RawFd) }))
    }

    /// How many so far; `None` if the counter was ever taken away for another one, because then
    /// it is an extrapolation, or did not run at all.
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

/// Whether instructions can be counted here; if not, what the system said.
///
/// # Errors
///
/// The reason, for people to read.
pub fn supported() -> Result<(), String> {
    let counter =
        Instructions::of_this_thread().map_err(|error| format!("perf_event_open: {error}"))?;
    let begun = counter.so_far();
    // A counter that stands still is none.
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
