//! Waits for host files, with a deadline.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::Errno;

/// Converts a duration to the kernel's form, saturating.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

/// Waits until `file` is ready for `events`.
///
/// # Errors
/// `Intr` if `deadline` passes or a signal arrives first.
pub(crate) fn until_ready(
    file: BorrowedFd<'_>,
    events: PollFlags,
    deadline: Option<Instant>,
) -> Result<(), Errno> {
    let timeout =
        deadline.map(|deadline| timespec(deadline.saturating_duration_since(Instant::now())));
    let mut fds = [PollFd::from_borrowed_fd(file, events)];
    match rustix::event::poll(&mut fds, timeout.as_ref())? {
        0 => Err(Errno::Intr),
        _ => Ok(()),
    }
}
