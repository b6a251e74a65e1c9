//! Captures a guest's output in memory.

use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Errno;

/// A guest's output, kept in memory up to a limit.
///
/// Clones share one buffer: the host keeps one, the context another. A write beyond the limit takes
/// what fits, and the next fails with `Nospc`, so that a guest cannot exhaust the host's memory.
#[derive(Clone, Debug)]
pub struct Capture {
    written: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Capture {
    /// An empty buffer for up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Capture {
        Capture {
            written: Arc::default(),
            limit,
        }
    }

    /// Removes and returns the output so far.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock())
    }

    pub(crate) fn write(&self, sources: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let mut written = self.lock();
        let before = written.len();
        for source in sources {
            let room = self.limit.saturating_sub(written.len());
            written.extend_from_slice(&source[..source.len().min(room)]);
        }
        let taken = written.len() - before;
        if taken == 0 && sources.iter().any(|source| !source.is_empty()) {
            return Err(Errno::Nospc);
        }
        Ok(taken)
    }

    /// A poisoned lock is safe to use: a panic cannot leave the bytes half written.
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
