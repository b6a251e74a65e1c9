//! Waits on descriptors, and reads pipes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Maximum standard error kept, from its end, bytes.
pub const STDERR_KEPT: usize = 4096;

/// Waits until one of `pipes` is readable or at its end, at most for `timeout`; returns which are. `None` is
/// never ready; after a signal none is. Allocates nothing, because clocks run around this.
///
/// # Errors
/// The error of poll.
pub fn ready<const N: usize>(
    pipes: [Option<BorrowedFd<'_>>; N],
    timeout: Duration,
) -> io::Result<[bool; N]> {
    let Some(any) = pipes.iter().flatten().next() else {
        thread::sleep(timeout);
        return Ok([false; N]);
    };
    // A pipe that is `None` is replaced with another one and no events.
    let mut waiting = pipes.map(|pipe| match pipe {
        Some(pipe) => PollFd::from_borrowed_fd(pipe, PollFlags::IN),
        None => PollFd::from_borrowed_fd(*any, PollFlags::empty()),
    });
    // A time too long for the system means no limit.
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

/// The descriptor of a pipe that may be closed already.
pub fn open<T: AsFd>(pipe: &Option<T>) -> Option<BorrowedFd<'_>> {
    pipe.as_ref().map(AsFd::as_fd)
}

/// Appends `more` to `kept`, and keeps the last `limit` bytes.
pub fn keep_tail(kept: &mut Vec<u8>, more: &[u8], limit: usize) {
    kept.extend_from_slice(&more[more.len().saturating_sub(limit)..]);
    let excess = kept.len().saturating_sub(limit);
    kept.drain(..excess);
}

/// Reads what is available: at least one byte, except at end of file.
pub fn read_once(pipe: &impl AsFd, chunk: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::io::read(pipe, &mut *chunk) {
            Ok(read) => return Ok(read),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
