//! A place for a guest's output in the host's memory.

use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Errno;

/// What a guest wrote, kept in memory up to a limit.
///
/// Clones are the same place: the host keeps one, the context another. Beyond the limit a write
/// takes what still fits, and then fails with `Nospc`, so that a guest cannot exhaust the host.
#[derive(Clone, Debug)]
pub struct Capture {
    written: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Capture {
    /// An empty place that takes up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Capture {
        Capture {
            written: Arc::default(),
            limit,
        }
    }

    /// Takes what has been written so far, and leaves the place empty.
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

    /// A panic elsewhere while the lock was held cannot leave bytes half written.
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
