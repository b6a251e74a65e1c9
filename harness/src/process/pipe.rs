//! Waiting on descriptors, and reading pipes as far as something is kept.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// Bytes of standard error that are kept, the last ones.
pub const STDERR_KEPT: usize = 4096;

/// What to poll for: descriptor, or a negative number for none.
///
/// # Errors
/// What poll says, except EINTR, which returns as if nothing were ready.
pub fn poll(descriptors: &mut [libc::pollfd], timeout: Duration) -> io::Result<()> {
    // Rounded up: a timeout of 0 would spin through the last millisecond.
    let milliseconds = i32::try_from(timeout.as_millis().saturating_add(1)).unwrap_or(i32::MAX);
    for descriptor in descriptors.iter_mut() {
        descriptor.revents = 0;
    }
    // SAFETY: the pointer and the length are of one live slice.
    let ready = unsafe {
        libc::poll(
            descriptors.as_mut_ptr(),
            descriptors.len() as libc::nfds_t,
            milliseconds,
        )
    };
    if ready < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        for descriptor in descriptors.iter_mut() {
            descriptor.revents = 0;
        }
    }
    Ok(())
}

/// A descriptor to wait on for input.
pub fn readable(descriptor: &impl AsRawFd) -> libc::pollfd {
    libc::pollfd {
        fd: descriptor.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    }
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
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
