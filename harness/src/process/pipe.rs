//! Waiting on descriptors, and reading pipes as far as something is kept.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Bytes of standard error that are kept, the last ones.
pub const STDERR_KEPT: usize = 4096;

/// Waits until one of `pipes` can be read or has ended, at most for `timeout`; says which. `None`
/// is never ready, and after a signal none is. Nothing is allocated: clocks run around this.
///
/// # Errors
/// What poll says.
pub fn ready<const N: usize>(
    pipes: [Option<BorrowedFd<'_>>; N],
    timeout: Duration,
) -> io::Result<[bool; N]> {
    let Some(any) = pipes.iter().flatten().next() else {
        thread::sleep(timeout);
        return Ok([false; N]);
    };
    // In the place of none stands one that is waited for anyway, of which nothing is asked.
    let mut waiting = pipes.map(|pipe| match pipe {
        Some(pipe) => PollFd::from_borrowed_fd(pipe, PollFlags::IN),
        None => PollFd::from_borrowed_fd(*any, PollFlags::empty()),
    });
    // A time beyond what the system counts to is no limit.
    let timeout = Timespec::try_from(timeout).ok();
    match poll(&mut waiting, timeout.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok([false; N]),
        Err(error) => return Err(error.into()),
    }
    let mut ready = [false; N];
    for ((ready, waited), pipe) in ready.iter_mut().zip(&waiting).zip(pipes) {
        *ready = pipe.is_some() && !waited.revents().is_empty();
    }
    Ok(ready)
}

/// The descriptor of what may have ended.
pub fn open<T: AsFd>(pipe: &Option<T>) -> Option<BorrowedFd<'_>> {
    pipe.as_ref().map(AsFd::as_fd)
}

/// Appends `more` to `kept`, of which the last `limit` bytes remain.
pub fn keep_tail(kept: &mut Vec<u8>, more: &[u8], limit: usize) {
    kept.extend_from_slice(&more[more.len().saturating_sub(limit)..]);
    let excess = kept.len().saturating_sub(limit);
    kept.drain(..excess);
}

/// Reads what is there, at least one byte unless at the end of the file.
pub fn read_once(pipe: &impl AsFd, chunk: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::io::read(pipe, &mut *chunk) {
            Ok(read) => return Ok(read),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
